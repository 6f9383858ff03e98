/*
 * Lists of addresses that a peer may call from: "ADDR/BITS,...", IPv4 and IPv6.
 */
#ifndef KITH_SOURCE_LIST_H
#define KITH_SOURCE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for what source_list_check has to say. */
#define SOURCE_PROBLEM_SIZE 128

/*
 * Whether the list is well-formed. Each part is an address, or a network in which no bit beyond
 * BITS is set. If not, problem says what is wrong, raw.
 */
bool source_list_check(const char *list, char problem[static SOURCE_PROBLEM_SIZE]);

/*
 * Whether a list that was checked holds the address. An IPv4 caller of an IPv6 socket
 * (::ffff:a.b.c.d) is one of IPv4; other families than these two are in no list.
 */
bool source_list_holds(const char *list, const struct sockaddr *address);

#endif
