/*
 * Owns what is known of one end of a connection. The addresses of sockets are looked into here, and
 * nowhere else. Must never ask anybody for a name.
 */
#include "net/endpoint.h"

#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define SOURCE_BYTES 8 /* of an IPv6 address: its network */
#define USERS (UINT64_C(1) << 40)

/* The path of a UNIX socket, which may have none. */
static void format_path(char out[static ADDRESS_TEXT_SIZE], const struct sockaddr *address,
                        socklen_t len)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;

    if (len <= offsetof(struct sockaddr_un, sun_path) || un->sun_path[0] == '\0')
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "a local socket");
    else
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "%.*s", (int)sizeof(un->sun_path) - 1, un->sun_path);
}

static struct if_nameindex *zones; /* as they were when they were learnt, or NULL */

void endpoint_learn_zones(void)
{
    if (zones != NULL)
        if_freenameindex(zones);
    zones = if_nameindex();
}

/* Who may not ask the system for the name of a zone any longer has its number in the address. */
static void name_zone(struct address *parts, const struct sockaddr *address)
{
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)address;
    char *zone = address->sa_family == AF_INET6 ? strchr(parts->host, '%') : NULL;
    char number[16];

    if (zone == NULL || zones == NULL)
        return;
    zone++;
    (void)snprintf(number, sizeof(number), "%u", (unsigned)ipv6->sin6_scope_id);
    for (size_t i = 0; strcmp(zone, number) == 0 && zones[i].if_index != 0; i++) {
        if (zones[i].if_index == ipv6->sin6_scope_id)
            (void)snprintf(zone, sizeof(parts->host) - (size_t)(zone - parts->host), "%s",
                           zones[i].if_name);
    }
}

bool endpoint_split(struct address *parts, const struct sockaddr *address, socklen_t len)
{
    memset(parts, 0, sizeof(*parts));
    if (address->sa_family == AF_UNIX ||
        getnameinfo(address, len, parts->host, sizeof(parts->host), parts->port,
                    sizeof(parts->port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    name_zone(parts, address);
    return true;
}

void endpoint_format(char out[static ADDRESS_TEXT_SIZE], const struct sockaddr *address,
                     socklen_t len)
{
    struct address parts;

    if (address->sa_family == AF_UNIX)
        format_path(out, address, len);
    else if (endpoint_split(&parts, address, len))
        address_format(out, &parts);
    else
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "?");
}

struct ip endpoint_ip(const struct sockaddr *address)
{
    struct ip ip = {.size = 0};

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)address;

        ip.size = IPV4_SIZE;
        memcpy(ip.bytes, &ipv4->sin_addr, IPV4_SIZE);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)address;

        ip.size = IPV6_SIZE;
        memcpy(ip.bytes, &ipv6->sin6_addr, IPV6_SIZE);
    }
    return ip;
}

in_port_t endpoint_port(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)address)->sin_port;
    if (address->sa_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)address)->sin6_port;
    return 0;
}

void endpoint_set_port(struct sockaddr *address, in_port_t port)
{
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = port;
    else if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = port;
}

void endpoint_set(struct endpoint *endpoint, const void *address, socklen_t len)
{
    if (len > sizeof(endpoint->address)) /* a path that was cut */
        len = sizeof(endpoint->address);
    memmove(&endpoint->address, address, len);
    endpoint->len = len;
    endpoint_format(endpoint->text, (const struct sockaddr *)&endpoint->address, len);
}

void endpoint_set_ip(struct endpoint *endpoint, const struct ip *ip, in_port_t port)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = port};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = port};

    memset(&endpoint->address, 0, sizeof(endpoint->address));
    if (ip->size == IPV4_SIZE) {
        memcpy(&ipv4.sin_addr, ip->bytes, IPV4_SIZE);
        endpoint_set(endpoint, &ipv4, sizeof(ipv4));
    } else {
        memcpy(&ipv6.sin6_addr, ip->bytes, IPV6_SIZE);
        endpoint_set(endpoint, &ipv6, sizeof(ipv6));
    }
}

void endpoint_unmap(struct endpoint *endpoint)
{
    const struct sockaddr *address = (const struct sockaddr *)&endpoint->address;
    struct ip ip = endpoint_ip(address);

    if (!ip_is_mapped(&ip))
        return;
    ip_unmap(&ip);
    endpoint_set_ip(endpoint, &ip, endpoint_port(address));
}

void endpoint_set_own(struct endpoint *endpoint, int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof(own);

    memset(endpoint, 0, sizeof(*endpoint));
    (void)getsockname(fd, (struct sockaddr *)&own, &len);
    endpoint_set(endpoint, &own, len);
    endpoint_unmap(endpoint);
}

/* An IPv4 address is smaller than a user, and that than any IPv6 prefix that is in use. */
uint64_t endpoint_source(const struct endpoint *endpoint)
{
    struct ip ip = endpoint_ip((const struct sockaddr *)&endpoint->address);
    uint64_t number = 0;

    if (endpoint->user != 0)
        return USERS | endpoint->user;
    ip_unmap(&ip);
    if (ip.size == 0)
        return 0;
    for (size_t i = 0; i < ip.size && i < SOURCE_BYTES; i++)
        number = number << 8 | ip.bytes[i];
    return number + 1; /* not 0, which is none */
}
