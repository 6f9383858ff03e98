/*
 * Sockets that listen already when we are started: a supervisor passes them (sd_listen_fds(3)).
 */
#ifndef KITH_PASSED_H
#define KITH_PASSED_H

#include <stddef.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/listen.h"

#define PASSED_MAX 64 /* sockets that we can take */

/* The descriptors that LISTEN_FDS passes to this process; one more than we can take at most. */
size_t passed_list(int fds[static PASSED_MAX + 1]);

/*
 * Take the listening sockets of LISTEN_FDS, if they are for this process, to that many places: one
 * alone takes all of them, several take one each, in their order. The counts of the list stay 0 if
 * there are none. ERR_BIND if they do not fit, or one of them does not listen: problem then
 * says why.
 */
must_check enum kith_error passed_take(struct listeners *list, size_t places,
                                       struct problem *problem);

#endif
