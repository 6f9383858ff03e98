/*
 * Lists of addresses that a peer may call from: "ADDR/BITS,...", IPv4 and IPv6.
 */
#ifndef KITH_SOURCE_LIST_H
#define KITH_SOURCE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/problem.h"

/*
 * Whether the list is well-formed. Each part is an address, or a network in which no bit beyond
 * BITS is set. If not, problem says why.
 */
bool source_list_check(const char *list, struct problem *problem);

/*
 * Whether a list that was checked holds the address. An IPv4 caller of an IPv6 socket
 * (::ffff:a.b.c.d) is one of IPv4; other families than these two are in no list.
 */
bool source_list_holds(const char *list, const struct sockaddr *address);

#endif
