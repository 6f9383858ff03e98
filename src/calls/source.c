/*
 * Owns what counts as one source of callers. Must hold no state.
 */
#include "calls/source.h"

#include <netinet/in.h>

static uint64_t number_of(const uint8_t *bytes, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | bytes[i];
    return number + 1; /* not 0, which is none */
}

/* An IPv4 address is smaller than any IPv6 prefix that is in use. */
uint64_t source_of(const struct net_peer *peer)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&peer->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&peer->address;

    if (peer->address.ss_family == AF_INET)
        return number_of((const uint8_t *)&in->sin_addr, 4);
    if (peer->address.ss_family != AF_INET6)
        return 0;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return number_of(in6->sin6_addr.s6_addr + 12, 4);
    return number_of(in6->sin6_addr.s6_addr, 8);
}
