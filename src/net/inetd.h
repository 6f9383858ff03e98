/*
 * A channel that we were started with, on descriptors 0 and 1: a socket, as inetd and systemd give
 * it, or one descriptor for each direction.
 */
#ifndef KITH_INETD_H
#define KITH_INETD_H

#include <stdbool.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/endpoint.h"
#include "net/transport.h"

/*
 * Before anything is said: what goes to standard error is lost if that is the channel, too. False
 * if that cannot be made: then nothing may be said.
 */
must_check bool inetd_spare(void);

/*
 * Take it away from there: from here on descriptor 0 reads as empty, and what is written to 1 goes
 * where 2 does. from is who is at the other end, with an address if that is known. After
 * protect_keep. ERR_USAGE for what is no channel, or ERR_SYSTEM; problem then says
 * why.
 */
must_check enum kith_error inetd_take(struct transport *transport, struct endpoint *from,
                                      struct problem *problem);

#endif
