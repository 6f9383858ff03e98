/*
 * The calls for kept channels to one peer, and whether it is there: said once when it is lost, and
 * once when it is back. Safe for threads.
 */
#ifndef KITH_CALLING_H
#define KITH_CALLING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls/call.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "daemon/peer_now.h"
#include "daemon/peer_state.h"
#include "protocol/kind.h"

struct calling_terms {
    const struct daemon *daemon;
    const struct call_terms *calls;
    const char *peer; /* as it was given, for logs */
    enum channel_kind kind;
    enum side side;          /* ours, of the channels */
    struct peer_now *callee; /* who is called */
    /* In any thread: whether a channel says that the peer is there, whatever calls come to. */
    bool (*is_there)(void *context);
    void *context;
};

struct calling {
    struct calling_terms terms;
    _Atomic int trouble;          /* why the last call failed, or OK */
    _Atomic bool lost;            /* one has, with no channel there; none succeeded since */
    _Atomic int64_t lost_ms;      /* since when, if so */
    _Atomic bool told[ERR_COUNT]; /* by reason: that this was said */
    _Atomic bool up;              /* one has succeeded */
};

/* Begin; it must not move afterwards. */
void calling_begin(struct calling *calling, const struct calling_terms *terms);

/* It is another peer from here on: nothing is known of it. */
void calling_forget(struct calling *calling);

/* Why the last call has failed, or OK. */
enum kith_error calling_trouble(const struct calling *calling);

/* Since when calls have failed with no channel there; now, if none has. */
int64_t calling_lost_ms(const struct calling *calling);

/* Whether the peer is there, as far as they and its channels say. */
enum peer_state calling_state(const struct calling *calling);

/* Why it was said to be lost, unless it is there meanwhile; or OK. */
enum kith_error calling_loss(const struct calling *calling);

/* Whether one has succeeded, ever. */
bool calling_is_up(const struct calling *calling);

/*
 * Call the peer for a channel, within the time that a call has. NULL if there is nobody to call, or
 * if it failed, which is logged: who takes no further channel while there is one is not lost.
 * reached is where it was found; or NULL.
 */
struct kept *calling_make(struct calling *calling, struct endpoint *reached);

/* No thread could be had for that, for want of memory or threads (errno): it is logged, once each.
 */
void calling_not_begun(struct calling *calling);

#endif
