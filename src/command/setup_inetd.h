/*
 * A channel that we were started with, in the place of a place to listen at.
 */
#ifndef KITH_SETUP_INETD_H
#define KITH_SETUP_INETD_H

#include "base/error.h"
#include "command/setup.h"
#include "net/endpoint.h"
#include "net/transport.h"

/*
 * With --inetd, after setup_begin and before anything that uses standard input and output: take
 * the channel from there. What fails is logged.
 */
must_check enum kith_error setup_inetd(const struct setup *setup, struct transport *transport,
                                       struct endpoint *from);

#endif
