/*
 * A channel joined to stdin and stdout: the end of listen and dial.
 */
#ifndef KITH_PIPE_H
#define KITH_PIPE_H

#include "error.h"
#include "handshake.h"
#include "net.h"
#include "options.h"

/*
 * Pump until the channel is whole or fails, and say how it went: as of command what, with the
 * peer as it is shown. The keys are wiped; fd remains the caller's.
 */
must_check enum kith_error pipe_run(const struct options *options, const char *what, int fd,
                                    struct session_keys *keys, const char *who,
                                    const struct net_peer *peer);

#endif
