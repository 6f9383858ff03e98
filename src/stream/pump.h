/*
 * The pump of one channel: moves bytes both ways between a local input and outlet and the
 * connection, until both directions are whole and confirmed, or something fails.
 */
#ifndef KITH_PUMP_H
#define KITH_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "protocol/channel.h"
#include "stream/outlet.h"

/*
 * Told now and then how many bytes of the stream have gone each way. Returns when it wants to be
 * called again at the latest, a deadline of base/clock.h.
 */
typedef int64_t pump_progress(void *context, uint64_t sent, uint64_t received);

/*
 * Whoever takes what arrives and may still refuse it at the end, as a program does that fails.
 * Asked once gate_fd is ready: OK lets our receipt pass, an error ends the channel.
 */
typedef enum kith_error pump_gate(void *context);

/* Whether the peer's end is our input's, too: at a terminal, nobody else may come to end it. */
enum pump_patience {
    PUMP_WAITS_FOR_INPUT,      /* no: what the input says is wanted, whenever it comes */
    PUMP_WAITS_IF_PEER_SILENT, /* if it has said something: else we are here for our input */
    PUMP_ENDS_WITH_PEER
};

struct pump {
    /* what to join; the caller keeps and closes the descriptors */
    struct channel channel; /* started; the caller's to wipe */
    int net;                /* connected and non-blocking */
    int in;                 /* read when it polls as ready; -1 for nothing to say */
    bool in_never_waits;    /* it is a file, which gives at once all that it has */
    bool in_never_blocks;   /* it is in a non-blocking mode of our own */
    struct outlet outlet;
    enum pump_patience patience; /* with an input that does not end */
    pump_gate *gate;             /* or NULL: our receipt is ours to give */
    void *gate_context;
    int gate_fd;             /* ready to be read once the gate can tell; -1 without one */
    int64_t idle_timeout_ms; /* NEVER_MS for none */
    pump_progress *progress; /* or NULL */
    void *progress_context;
    void (*input_awaited)(void); /* or NULL: told when a silent peer's end has left us waiting */
    void (*quiet)(void);         /* or NULL: told once nothing has moved for a while */

    /* how it went */
    uint64_t sent; /* bytes of the stream, each way */
    uint64_t received;
    int system_errno; /* the system's reason for the error, or 0 */
    bool undelivered; /* verified data was lost: the outlet did not take it */
};

/*
 * Run to the end. OK means whole: everything was written where it belongs at both ends, and each
 * side has the other's word for it (PROTOCOL.md, "The stream on top"). Else the first error; what
 * had been verified by then is still written, for as long as the outlet takes it.
 */
must_check enum kith_error pump_run(struct pump *pump);

#endif
