/*
 * A channel joined to stdin and stdout: the end of listen and dial.
 */
#ifndef KITH_PIPE_H
#define KITH_PIPE_H

#include <stdbool.h>

#include "base/error.h"
#include "command/options.h"
#include "net/endpoint.h"
#include "net/transport.h"
#include "protocol/handshake.h"
#include "stream/local_end.h"

/*
 * Open stdin and stdout as the options say, for command what, to call or be called; before we are
 * confined. ERR_STDIN or ERR_STDOUT, which is logged, for what cannot carry a stream.
 */
must_check enum kith_error pipe_open(struct local_end *end, const struct options *options,
                                     const char *what, bool calls);

/*
 * Pump until the channel is whole or fails, and say how it went: as of command what, with the
 * peer as it is shown. The keys are wiped; the transport remains the caller's.
 */
must_check enum kith_error pipe_run(struct local_end *end, const struct options *options,
                                    const char *what, struct transport transport,
                                    struct session_keys *keys, const char *who,
                                    const struct endpoint *peer);

#endif
