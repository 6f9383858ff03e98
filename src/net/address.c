/*
 * Owns the written forms of addresses. Must never resolve a name: that takes time (net/resolve.h).
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

static bool copy_part(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static bool parse_port(struct address *address, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len >= PORT_SIZE || strspn(text, "0123456789") != len)
        return false;
    return strtoul(text, NULL, 10) <= PORT_MAX &&
           copy_part(address->port, sizeof(address->port), text, len);
}

/* [v6]:PORT, where text is behind the bracket. */
static bool parse_bracketed(struct address *address, const char *text)
{
    const char *end = strchr(text, ']');

    if (end == NULL || end == text || end[1] != ':' ||
        memchr(text, ':', (size_t)(end - text)) == NULL)
        return false;
    return copy_part(address->host, sizeof(address->host), text, (size_t)(end - text)) &&
           parse_port(address, end + 2);
}

bool address_parse(struct address *address, const char *text, enum address_form form)
{
    const char *colon = strrchr(text, ':');

    memset(address, 0, sizeof(*address));
    if (form == ADDRESS_PORT_OR_PATH && strchr(text, '/') != NULL)
        return copy_part(address->path, sizeof(address->path), text, strlen(text));
    if (text[0] == '[')
        return parse_bracketed(address, text + 1);
    if (colon == NULL)
        return form != ADDRESS_HOST_PORT && parse_port(address, text);
    if (strchr(text, ':') != colon)
        return false; /* an IPv6 address needs its brackets, or its last group is taken for a port
                       */
    if (colon == text && form == ADDRESS_HOST_PORT)
        return false;
    return copy_part(address->host, sizeof(address->host), text, (size_t)(colon - text)) &&
           parse_port(address, colon + 1);
}

void address_problem(char out[static ADDRESS_PROBLEM_SIZE], const char *text,
                     enum address_form form)
{
    static const char *const forms[] = {
        [ADDRESS_HOST_PORT] = "not HOST:PORT",
        [ADDRESS_PORT] = "not [HOST:]PORT",
        [ADDRESS_PORT_OR_PATH] = "not PORT, HOST:PORT, or a path with a /",
    };
    const char *colon = strrchr(text, ':');

    if (form == ADDRESS_PORT_OR_PATH && strchr(text, '/') != NULL)
        (void)snprintf(out, ADDRESS_PROBLEM_SIZE,
                       "too long: the path of a UNIX socket has %zu bytes at most", PATH_SIZE - 1);
    else if (colon != NULL && colon - text >= HOST_SIZE)
        (void)snprintf(out, ADDRESS_PROBLEM_SIZE, "too long: a host has %d bytes at most",
                       HOST_SIZE - 1);
    else
        (void)snprintf(out, ADDRESS_PROBLEM_SIZE, "%s", forms[form]);
}

bool address_has_name(const struct address *address)
{
    struct in_addr ipv4;

    return address->host[0] != '\0' && strchr(address->host, ':') == NULL &&
           inet_pton(AF_INET, address->host, &ipv4) != 1;
}

bool address_needs_system(const struct address *address)
{
    return address_has_name(address) || strchr(address->host, '%') != NULL;
}

void address_format(char out[static ADDRESS_TEXT_SIZE], const struct address *address)
{
    bool brackets = strchr(address->host, ':') != NULL;

    if (address->path[0] != '\0')
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "%s", address->path);
    else
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "%s%s%s:%s", brackets ? "[" : "", address->host,
                       brackets ? "]" : "", address->port);
}

void address_of_socket(char out[static ADDRESS_TEXT_SIZE], const struct sockaddr *from,
                       socklen_t len)
{
    struct address address = {0};

    if (from->sa_family == AF_UNIX &&
        (len <= offsetof(struct sockaddr_un, sun_path) ||
         ((const struct sockaddr_un *)(const void *)from)->sun_path[0] == '\0')) {
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "a local socket"); /* that has no path */
        return;
    }
    if (from->sa_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)from;

        (void)copy_part(address.path, sizeof(address.path), un->sun_path,
                        strnlen(un->sun_path, sizeof(un->sun_path) - 1));
    } else if (getnameinfo(from, len, address.host, sizeof(address.host), address.port,
                           sizeof(address.port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "?");
        return;
    }
    address_format(out, &address);
}
