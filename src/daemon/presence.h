/*
 * The channels that serve --call has at a peer that it calls: some that carry nothing, waiting
 * there to be used, and another one for each that is taken.
 *
 * But for presence_over all of it is the main thread's.
 */
#ifndef KITH_PRESENCE_H
#define KITH_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "calls/call.h"
#include "daemon/calling.h"
#include "daemon/daemon.h"
#include "daemon/peer_now.h"
#include "daemon/peer_state.h"
#include "daemon/spares.h"
#include "peers/directory.h"

struct presence_terms {
    struct daemon *daemon;
    const struct call_terms *calls;
    const char *peer; /* as it was given, for logs */
    size_t spare;     /* channels that carry nothing */
    int64_t age_ms;   /* after which a channel begins no stream; each a tenth more or less */
    /* In a thread: whether whoever has this channel, and was reached there, may use us now. */
    enum kith_error (*admit)(void *context, const struct kept *kept, const struct endpoint *from);
    void *context;
};

struct presence {
    struct presence_terms terms;
    struct peer_now peer;
    _Atomic bool is_over; /* nobody is called any more */
    _Atomic size_t moves; /* of the peer, ever: a call that is under way goes to where it was */
    struct calling calling;
    struct spares spares;
    _Atomic size_t used;   /* channels that have ended since the last look, after a stream */
    _Atomic size_t wasted; /* or that the peer has ended without one; and how long the last lived */
    _Atomic int64_t lived_ms;
    enum peer_state told; /* the state that was said last */
};

/* Begin; it must not move afterwards. */
void presence_begin(struct presence *presence, const struct presence_terms *terms,
                    const struct callee *callee);

/* Call for what is missing. When it wants to be asked again at the latest. */
int64_t presence_arm(struct presence *presence);

/* In any thread: one of its channels is over; left: the peer has ended it. */
void presence_over(struct presence *presence, const struct connection *connection, bool left);

/* A reload: who is called now, if anybody is. True if it is somewhere else. */
bool presence_move(struct presence *presence, const struct callee *callee, bool gone);

/* Nobody is called any more. */
void presence_end(struct presence *presence);

/* Whether the peer is there, as far as its calls say. */
enum peer_state presence_state(const struct presence *presence);

/* Whether the first channel was made. */
bool presence_is_up(const struct presence *presence);

#endif
