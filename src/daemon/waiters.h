/*
 * The threads that wait for a channel which others are done with, in the order of their coming.
 * Safe for threads.
 */
#ifndef KITH_WAITERS_H
#define KITH_WAITERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/chain.h"
#include "daemon/kept.h"

/* One of them: the thread's own, as long as it is in the list. */
struct waiter {
    struct chained at;
    struct kept *kept; /* that it was handed and has not taken yet, or NULL */
    bool waits;        /* to be handed one */
};

struct waiters {
    pthread_mutex_t lock;
    struct chain list;   /* who came first, first */
    pthread_cond_t news; /* for the thread that waits, if it could be made */
    bool has_news;
};

/* Begin; it must not move afterwards. */
void waiters_begin(struct waiters *waiters);

/* Hand a channel to the first that waits: it is the caller's no longer. False if there is none. */
bool waiters_hand(struct waiters *waiters, struct kept *kept);

/* Be the last in the list; it waits only from waiters_take on. */
void waiters_join(struct waiters *waiters, struct waiter *waiter);

/*
 * What it was handed, which is the caller's, or NULL. From here on it waits, if it is to and has
 * got none; *begins says whether it did not before.
 */
struct kept *waiters_take(struct waiters *waiters, struct waiter *waiter, bool waits, bool *begins);

/* Wait until it is handed one, until the other thing holds that waiters_tell tells of, or by then.
 */
void waiters_await(struct waiters *waiters, const struct waiter *waiter,
                   bool (*holds)(const void *context), const void *context, int64_t until_ms);

/* Have all who wait look at that again. */
void waiters_tell(struct waiters *waiters);

/* Leave the list, after a last waiters_take. */
void waiters_leave(struct waiters *waiters, struct waiter *waiter);

#endif
