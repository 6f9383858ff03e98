/*
 * Lists of addresses that a peer may call from: "ADDR/BITS,...", IPv4 and IPv6.
 */
#ifndef KITH_ADDRESS_RANGE_H
#define KITH_ADDRESS_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"

struct address_range {
    struct ip first; /* one of IPv4 is never one of IPv6 here */
    unsigned bits;   /* in which all are like it */
};

/* A list that was read; all zero for none. */
struct address_ranges {
    struct address_range *list;
    size_t count;
};

/*
 * Read a list into one that is none. Each part is an address, or a network in which no bit beyond
 * BITS is set. ERR_USAGE, and problem says why; ERR_MEMORY.
 */
must_check enum kith_error address_ranges_parse(struct address_ranges *ranges, const char *text,
                                                struct problem *problem);

/*
 * Whether the address of a socket is in one of them. An IPv4 caller of an IPv6 socket
 * (::ffff:a.b.c.d) is one of IPv4; other families than these two are in none.
 */
bool address_ranges_hold(const struct address_ranges *ranges, const struct sockaddr *address);

/* Copy them, for address_ranges_free. ERR_MEMORY: the copy is none. */
must_check enum kith_error address_ranges_copy(struct address_ranges *copy,
                                               const struct address_ranges *ranges);

/* Free what was read, which is none then; fine twice. */
void address_ranges_free(struct address_ranges *ranges);

#endif
