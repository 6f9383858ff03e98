/*
 * The kept channels of forward (kith-protocol(7), "Kept channels"): which ones there are with
 * nothing to do, whoever has called, and how a local connection gets one. It takes the freshest of
 * its peer; what came to a whole end is kept for the next.
 *
 * But for what threads call (opener_give, opener_take_given, opener_called, opener_waited,
 * opener_wait_off) all of it is the main thread's, and without a lock. A channel that was taken
 * belongs to whoever has it.
 */
#ifndef KITH_OPENER_H
#define KITH_OPENER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/holds.h"
#include "daemon/kept.h"
#include "daemon/spares.h"
#include "daemon/waiters.h"
#include "net/poll_set.h"

/* How many are held, and for how long. */
struct opener_terms {
    struct holds holds; /* of idle ones */
    int64_t age_ms;     /* after which one begins no stream any more; each a tenth more or less */
    int64_t ping_ms;    /* between two looks whether one that is idle is still there */
    /* In the main thread: have one more made in another, which ends in opener_called; NULL if no
     * spare ones are held. */
    void (*call)(void *context);
    /* In any thread: whether it goes to whom we want, now. */
    bool (*is_wanted)(void *context, const struct kept *kept);
    /* In the main thread: what a peer has said on an idle one is wrong, and ends it. */
    void (*complain)(void *context, const uint8_t key[static KEY_SIZE], enum kith_error error);
    void *context;
};

struct opener {
    struct opener_terms terms;
    pthread_mutex_t lock;
    struct kept *given;     /* by threads, under the lock, as the next */
    _Atomic bool is_over;   /* what is given is closed, and nobody waits any more */
    struct waiters waiters; /* who comes before all that come later */
    struct kept *idle;      /* freshest first */
    size_t idle_count;
    struct kept *leaving; /* that we have said CLOSE on: until the peer has, or closes */
    struct spares spares;
};

/* Begin; it must not move afterwards. */
void opener_begin(struct opener *opener, const struct opener_terms *terms);

/*
 * Take the freshest idle one of a peer, already asked whether it is there and for the target (or
 * ""), as the first two records of it. NULL if there is none.
 */
struct kept *opener_take(struct opener *opener, const uint8_t key[static KEY_SIZE],
                         const char *target);

/* The same for a thread, of those that others have given since the main thread looked, whoever of
 * those who are wanted it is. */
struct kept *opener_take_given(struct opener *opener, const char *target);

/*
 * For a thread that is among the waiters: what it was handed, as opener_take_given: it waits no
 * longer then. NULL if there is nothing yet: it is handed what is idle, before any that come later.
 */
struct kept *opener_waited(struct opener *opener, struct waiter *waiter, const char *target);

/* It has got one elsewhere, and waits no longer, until it asks again; what it was handed is for the
 * next. */
void opener_wait_off(struct opener *opener, struct waiter *waiter);

/* How many of a peer are idle, with those that were given just now. */
size_t opener_count(struct opener *opener, const uint8_t key[static KEY_SIZE]);

/* A thread is done with one that is between two streams, or has made one. */
void opener_give(struct opener *opener, struct kept *kept);

/* The end of a call of terms.call, which opener_give came before if it was one. */
void opener_called(struct opener *opener, bool made);

/* Put those that are idle into the set. Returns when it wants to be stepped at the latest. */
int64_t opener_arm(struct opener *opener, struct poll_set *set);

/* See to all that is due. */
void opener_step(struct opener *opener, const struct poll_set *set);

/* Those that are not wanted any longer are ended at once, or all of them. */
void opener_end_unwanted(struct opener *opener, bool all);

/* The one that has been idle longest leaves, for another one's place. */
void opener_leave_longest(struct opener *opener);

/* No more is kept: what is idle is closed in order, as far as the peer takes its last word. */
void opener_end(struct opener *opener);

#endif
