/*
 * Where a caller comes from, as far as limits and counts go: an IPv4 address, or the 64 bits of
 * IPv6 that one customer of a provider has at least.
 */
#ifndef KITH_SOURCE_H
#define KITH_SOURCE_H

#include <stdint.h>

#include "net/net.h"

/* The same number for the same source. 0 for what has no address. */
uint64_t source_of(const struct net_peer *peer);

#endif
