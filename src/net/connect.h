/*
 * Connecting to what a name was resolved to, or to a UNIX socket.
 */
#ifndef KITH_CONNECT_H
#define KITH_CONNECT_H

#include <stdint.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/resolve.h"

/*
 * Connect by the deadline: all addresses are tried, each a quarter of a second after the one
 * before, or as soon as that has failed (RFC 8305), and the first that answers is taken. *fd is
 * non-blocking and tuned; *peer says which address it was. ERR_CONNECT, ERR_CONNECT_REFUSED,
 * ERR_CONNECT_TIMEOUT: problem (or NULL) then says why.
 */
must_check enum kith_error connect_to_any(const struct resolved *to,
                                          const struct net_options *options, int64_t deadline_ms,
                                          int *fd, struct endpoint *peer, struct problem *problem);

/* The same to a UNIX socket; ERR_CONNECT_FULL in the place of ERR_CONNECT_TIMEOUT. */
must_check enum kith_error connect_to_path(const char path[static PATH_SIZE], int64_t deadline_ms,
                                           int *fd, struct problem *problem);

#endif
