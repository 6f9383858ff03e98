/*
 * Owns the written forms of addresses. Must never resolve a name: that takes time (net/resolve.h).
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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

bool port_parse(const char *text, uint16_t *port)
{
    size_t len = strlen(text);
    unsigned long number = strtoul(text, NULL, 10);

    *port = (uint16_t)number;
    return len >= 1 && len < PORT_SIZE && text_is_number(text) && number <= UINT16_MAX;
}

uint16_t address_port(const struct address *address)
{
    uint16_t port;

    return port_parse(address->port, &port) ? port : 0;
}

bool ip_parse(struct ip *ip, struct text text)
{
    char copy[INET6_ADDRSTRLEN];

    *ip = (struct ip){.size = 0};
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    ip->size = memchr(copy, ':', text.len) != NULL ? IPV6_SIZE : IPV4_SIZE;
    return inet_pton(ip->size == IPV6_SIZE ? AF_INET6 : AF_INET, copy, ip->bytes) == 1;
}

bool ip_parse_zoned(struct ip *ip, struct text text)
{
    struct text number = {0};

    if (!text_next_part(&text, '%', &number) || !ip_parse(ip, number))
        return false;
    return text.at == NULL || (ip->size == IPV6_SIZE && text.len > 0);
}

/* What an IPv4 address begins with when it is written as one of IPv6. */
static const uint8_t mapped_prefix[IPV6_SIZE - IPV4_SIZE] = {0, 0, 0, 0, 0,    0,
                                                             0, 0, 0, 0, 0xff, 0xff};

bool ip_is_mapped(const struct ip *ip)
{
    return ip->size == IPV6_SIZE && memcmp(ip->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

void ip_unmap(struct ip *ip)
{
    if (!ip_is_mapped(ip))
        return;
    memmove(ip->bytes, ip->bytes + sizeof(mapped_prefix), IPV4_SIZE);
    ip->size = IPV4_SIZE;
}

void ip_map(struct ip *ip)
{
    if (ip->size == IPV6_SIZE)
        return;
    memmove(ip->bytes + sizeof(mapped_prefix), ip->bytes, IPV4_SIZE);
    memcpy(ip->bytes, mapped_prefix, sizeof(mapped_prefix));
    ip->size = IPV6_SIZE;
}

static bool parse_port(struct address *address, const char *text, enum address_form form,
                       struct problem *problem)
{
    uint16_t port;

    if (text[0] == '\0')
        return problem_say(problem, "there is no port after the colon");
    if (!text_is_number(text))
        return problem_say(problem, "the port is not a number");
    if (!port_parse(text, &port) || (port == 0 && is_to_call(form)))
        return problem_say(problem, "the port is out of range: %d to 65535", is_to_call(form));
    return copy_part(address->port, sizeof(address->port), text, strlen(text));
}

/*
 * The system takes "*" for no host at all, which is another address for each use. Nobody is called
 * there.
 */
static bool refuse_star(enum address_form form, struct problem *problem)
{
    static const char *const every[] = {
        [ADDRESS_HOST_PORT] = NULL,
        [ADDRESS_PORT] =
            "PORT alone is every address, 0.0.0.0:PORT and [::]:PORT are those of one family",
        [ADDRESS_LOCAL] = "0.0.0.0:PORT is every address of IPv4, [::]:PORT of IPv6",
        [ADDRESS_TARGET] = NULL,
    };

    return problem_advise(problem, every[form], "a host is a name or an address, and * is neither");
}

static bool parse_host(struct address *address, struct text host, enum address_form form,
                       struct problem *problem)
{
    if (!copy_part(address->host, sizeof(address->host), host.at, host.len))
        return problem_say(problem, "too long: a host has %d bytes at most", HOST_SIZE - 1);
    if (text_fault(host.at, host.len) != TEXT_FINE)
        return problem_say(problem, "a host is not written like that");
    for (const char *at = address->host; *at != '\0'; at++) {
        if (*at == '@')
            return problem_advise(problem, "WHO@ is only for a peer that is called",
                                  "there is an @ in the host");
        if (is_blank(*at) || strchr("/[]=\"\\", *at) != NULL)
            return problem_say(problem, "a host is not written like that");
    }
    return strcmp(address->host, "*") != 0 || refuse_star(form, problem);
}

/* [v6]:PORT, where end is the last bracket. */
static bool parse_bracketed(struct address *address, const char *text, const char *end,
                            enum address_form form, struct problem *problem)
{
    struct text inside = {text + 1, (size_t)(end - text) - 1};
    struct ip ip;

    if (end[1] != ':')
        return problem_say(problem, "there is no port after the brackets: [v6]:PORT");
    if (!ip_parse_zoned(&ip, inside) || ip.size != IPV6_SIZE)
        return problem_say(problem, "no IPv6 address is between the brackets");
    return parse_host(address, inside, form, problem) &&
           parse_port(address, end + 2, form, problem);
}

/* One without a host: a port alone. */
static bool parse_bare(struct address *address, const char *text, enum address_form form,
                       struct problem *problem)
{
    static const char *const forms[] = {
        [ADDRESS_HOST_PORT] = "not HOST:PORT",
        [ADDRESS_PORT] = "not [HOST:]PORT",
        [ADDRESS_LOCAL] = "not PORT, HOST:PORT, or a path with a /",
        [ADDRESS_TARGET] = "not PORT, HOST:PORT, exec:COMMAND or a path with a /",
    };

    if (text[0] == '\0' || (may_be_path(form) && !text_is_number(text)))
        return problem_say(problem, "%s", forms[form]);
    if (form == ADDRESS_HOST_PORT)
        return problem_say(problem, "there is no port: HOST:PORT");
    return parse_port(address, text, form, problem);
}

bool address_parse(struct address *address, const char *text, enum address_form form,
                   struct problem *problem)
{
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');

    memset(address, 0, sizeof(*address));
    if (may_be_path(form) && strchr(text, '/') != NULL)
        return copy_part(address->path, sizeof(address->path), text, strlen(text)) ||
               problem_say(problem, "too long: the path of a UNIX socket has %zu bytes at most",
                           PATH_SIZE - 1);
    if (text[0] == '[' && bracket != NULL)
        return parse_bracketed(address, text, bracket, form, problem);
    if (colon == NULL)
        return parse_bare(address, text, form, problem);
    if (strchr(text, ':') != colon) /* or its last group is taken for a port */
        return problem_say(problem, "several colons: write an IPv6 address in brackets, [v6]:PORT");
    if (colon == text && form == ADDRESS_HOST_PORT)
        return problem_say(problem, "a host is missing before the colon");
    return parse_host(address, (struct text){text, (size_t)(colon - text)}, form, problem) &&
           parse_port(address, colon + 1, form, problem);
}

bool address_equals(const struct address *one, const struct address *other)
{
    return strcmp(one->host, other->host) == 0 && strcmp(one->port, other->port) == 0 &&
           strcmp(one->path, other->path) == 0;
}

bool address_has_name(const struct address *address)
{
    struct ip ip;

    return address->host[0] != '\0' &&
           !ip_parse_zoned(&ip, (struct text){address->host, strlen(address->host)});
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
