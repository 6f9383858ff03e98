/*
 * The kept channels of serve (kith-protocol(7), "Kept channels"): one stream after another on each,
 * in a thread; one that has nothing to do for a while is parked without one, and is looked after by
 * the main thread.
 */
#ifndef KITH_ACCEPTOR_H
#define KITH_ACCEPTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/daemon.h"
#include "daemon/holds.h"
#include "net/poll_set.h"
#include "stream/local_end.h"

/* What serve does for a stream, in a thread. */
struct acceptor_hooks {
    /*
     * At an OPEN of that name: whether the peer may have this target, and connect to it, to be
     * reset by a close, unless it is a program: then *fd is -1. OK, or ERR_REFUSED_TARGET and the
     * other two; what fails is logged. Any other error ends the channel, and is logged with that.
     */
    enum kith_error (*reach)(void *context, struct connection *connection, const char *name,
                             int *fd);

    /* At BEGIN: join it to the peer until the stream ends, and close it. OK if that was whole. */
    enum kith_error (*join)(void *context, struct connection *connection, int fd);

    /*
     * In its thread, or in the main thread of one that is parked, which must not wait: a channel is
     * over; left: its peer has ended it, or is gone, rather than we. NULL if nobody wants to know.
     */
    void (*over)(void *context, const struct connection *connection, bool left);
    void *context;
};

struct acceptor {
    struct daemon *daemon;
    const struct acceptor_hooks *hooks;
    const struct holds *holds; /* of channels for which we have called; NULL: who calls decides */
    int64_t begin_timeout_ms;
    _Atomic bool is_ending;
    pthread_mutex_t lock;
    int watch;           /* of those that are parked */
    struct chain parked; /* under the lock; who is there longest first */
    size_t at;           /* of the watch, in the poll set */
};

/*
 * Before the process is confined. A peer has to say BEGIN so soon after its OPEN was accepted.
 * Where nothing can be watched none is parked: each keeps its thread. holds is NULL where peers
 * call.
 */
void acceptor_begin(struct acceptor *acceptor, struct daemon *daemon,
                    const struct acceptor_hooks *hooks, const struct holds *holds,
                    int64_t begin_timeout_ms);

/* In a thread: carry what the peer opens, until its channel is over, or parked. */
enum stay acceptor_run(struct acceptor *acceptor, struct connection *connection);

/* Put what is waited for into the set. Returns when it wants to be stepped at the latest. */
int64_t acceptor_arm(struct acceptor *acceptor, struct poll_set *set);

/* See to those that are parked and have something to say, or nothing any more. */
void acceptor_step(struct acceptor *acceptor, const struct poll_set *set);

/* Those that carry nothing are closed: our peer is elsewhere now. */
void acceptor_close_idle(struct acceptor *acceptor);

/* No stream begins any more; those that carry none are closed, or are about to leave. */
void acceptor_end(struct acceptor *acceptor);

#endif
