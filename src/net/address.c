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

static bool may_be_path(enum address_form form)
{
    return form == ADDRESS_LOCAL || form == ADDRESS_TARGET;
}

static bool is_to_call(enum address_form form)
{
    return form == ADDRESS_HOST_PORT || form == ADDRESS_TARGET;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool parse_port(struct address *address, const char *text, enum address_form form)
{
    unsigned long port = strtoul(text, NULL, 10);

    if (!is_number(text) || port > PORT_MAX || (port == 0 && is_to_call(form)))
        return false;
    return copy_part(address->port, sizeof(address->port), text, strlen(text));
}

/* [v6]:PORT, where text begins after the bracket. */
static bool parse_bracketed(struct address *address, const char *text, enum address_form form)
{
    const char *end = strchr(text, ']');

    if (end == NULL || end == text || end[1] != ':' ||
        memchr(text, ':', (size_t)(end - text)) == NULL)
        return false;
    return copy_part(address->host, sizeof(address->host), text, (size_t)(end - text)) &&
           parse_port(address, end + 2, form);
}

static bool parse(struct address *address, const char *text, enum address_form form)
{
    const char *colon = strrchr(text, ':');

    memset(address, 0, sizeof(*address));
    if (may_be_path(form) && strchr(text, '/') != NULL)
        return copy_part(address->path, sizeof(address->path), text, strlen(text));
    if (text[0] == '[')
        return parse_bracketed(address, text + 1, form);
    if (colon == NULL)
        return form != ADDRESS_HOST_PORT && parse_port(address, text, form);
    if (strchr(text, ':') != colon)
        return false; /* an IPv6 address needs its brackets, or its last group is taken for a port
                       */
    if (colon == text && form == ADDRESS_HOST_PORT)
        return false;
    return copy_part(address->host, sizeof(address->host), text, (size_t)(colon - text)) &&
           parse_port(address, colon + 1, form);
}

/* NULL if it is a port that is not of the form that it should have. */
static const char *port_problem(const char *port, enum address_form form)
{
    unsigned long number = strtoul(port, NULL, 10);

    if (port[0] == '\0')
        return "there is no port after the colon";
    if (!is_number(port))
        return "the port is not a number";
    if (number > PORT_MAX || (number == 0 && is_to_call(form)))
        return "the port is out of range: 1 to 65535";
    return NULL;
}

/* What can be said in particular, or NULL. */
static const char *particular_problem(const char *text, enum address_form form)
{
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');

    if (text[0] == '[' && bracket != NULL)
        return bracket[1] == ':' ? port_problem(bracket + 2, form)
                                 : "there is no port after the brackets: [v6]:PORT";
    if (colon == NULL && form == ADDRESS_HOST_PORT)
        return "there is no port: HOST:PORT";
    if (colon == NULL)
        return text[0] != '\0' && (form == ADDRESS_PORT || is_number(text))
                   ? port_problem(text, form)
                   : NULL;
    if (strchr(text, ':') != colon)
        return "several colons: an IPv6 address stands in brackets, [v6]:PORT";
    if (colon == text && form == ADDRESS_HOST_PORT)
        return "a host is missing before the colon";
    return colon - text < HOST_SIZE ? port_problem(colon + 1, form) : NULL;
}

/* Say what is wrong with a text that is none of the forms. */
static bool say_problem(struct problem *problem, const char *text, enum address_form form)
{
    static const char *const forms[] = {
        [ADDRESS_HOST_PORT] = "not HOST:PORT",
        [ADDRESS_PORT] = "not [HOST:]PORT",
        [ADDRESS_LOCAL] = "not PORT, HOST:PORT, or a path with a /",
        [ADDRESS_TARGET] = "not PORT, HOST:PORT, or a path with a /",
    };
    const char *colon = strrchr(text, ':');
    bool is_path = may_be_path(form) && strchr(text, '/') != NULL;
    const char *particular = is_path ? NULL : particular_problem(text, form);

    if (is_path)
        return problem_say(problem, "too long: the path of a UNIX socket has %zu bytes at most",
                           PATH_SIZE - 1);
    if (particular != NULL)
        return problem_say(problem, "%s", particular);
    if (colon != NULL && colon - text >= HOST_SIZE)
        return problem_say(problem, "too long: a host has %d bytes at most", HOST_SIZE - 1);
    return problem_say(problem, "%s", forms[form]);
}

bool address_parse(struct address *address, const char *text, enum address_form form,
                   struct problem *problem)
{
    return parse(address, text, form) || say_problem(problem, text, form);
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
