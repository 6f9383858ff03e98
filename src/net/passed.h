/*
 * Sockets that listen already when we are started: a supervisor passes them (sd_listen_fds(3)).
 */
#ifndef KITH_PASSED_H
#define KITH_PASSED_H

#include <stddef.h>

#include "base/error.h"
#include "net/listen.h"

/* The descriptors that LISTEN_FDS passes to this process; one more than we can take at most. */
size_t passed_list(int fds[static LISTENERS_MAX + 1]);

/*
 * Take the listening sockets of LISTEN_FDS, if they are for this process: listeners->count stays
 * 0 if there are none. ERR_BIND if one of them does not listen.
 */
must_check enum kith_error passed_take(struct listeners *listeners);

#endif
