/*
 * Names to addresses, under a deadline.
 */
#ifndef KITH_RESOLVE_H
#define KITH_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "error.h"

/*
 * All stream addresses of a host and port (or of every address here, for an empty host and
 * passive) in the order in which to try them; free with freeaddrinfo. family is AF_UNSPEC,
 * AF_INET or AF_INET6. ERR_RESOLVE: *why is then the system's reason, a constant;
 * ERR_HANDSHAKE_TIMEOUT when the deadline passed; ERR_MEMORY.
 */
must_check enum kith_error resolve(const struct address *address, int family, bool passive,
                                   int64_t deadline_ms, struct addrinfo **list, const char **why);

#endif
