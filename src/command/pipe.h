/*
 * A channel joined to stdin and stdout, to stdin and the FILE of -o, or to a program of --exec: the
 * end of listen and dial.
 */
#ifndef KITH_PIPE_H
#define KITH_PIPE_H

#include "base/error.h"
#include "command/options.h"
#include "helpers/filer.h"
#include "helpers/helper.h"
#include "helpers/program.h"
#include "net/transport.h"
#include "protocol/handshake.h"
#include "stream/local_end.h"

#define PIPE_END_NONE ((struct pipe_end){.launcher = HELPER_NONE, .filer = FILER_NONE})

struct pipe_end {
    const struct options *options;
    struct helper launcher; /* of the program, if there is one */
    struct filer filer;     /* of -o, likewise */
    struct local_end local; /* without a program */
    struct link *kept; /* in the place of a channel of its own: its stream has begun; or NULL */
};

/*
 * Open stdin and stdout as the options say, or have ready what starts the program, or the file;
 * before we are confined, and before anybody is called or may call. ERR_INLET or ERR_OUTLET for
 * what cannot carry a stream, ERR_PROCESS, or what filer_start returns; all are logged.
 */
must_check enum kith_error pipe_open(struct pipe_end *end, const struct options *options);

/* Say that the peer is there, who is proven. */
void pipe_say_connected(const struct pipe_end *end, const struct visitor *visitor);

/*
 * Pump until the channel is whole or fails, and say how it went: with the peer, who is at the
 * transport's other end. The keys are wiped; the transport remains the caller's. With a link that
 * is kept, neither counts.
 */
must_check enum kith_error pipe_run(struct pipe_end *end, struct transport transport,
                                    struct session_keys *keys, const struct visitor *visitor);

/*
 * Let go of what starts the program, and of a file that has no place; fine twice, and with
 * PIPE_END_NONE.
 */
void pipe_close(struct pipe_end *end);

#endif
