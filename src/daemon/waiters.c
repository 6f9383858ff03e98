/*
 * Owns the list of those who wait for a channel. Must never hand one to who has got his, nor let
 * one wait on that was handed his.
 */
#include "daemon/waiters.h"

#include "base/clock.h"

#define NEWS_LOOK_MS 20 /* between two looks where news cannot be told */

void waiters_begin(struct waiters *waiters)
{
    *waiters = (struct waiters){.has_news = false};
    (void)pthread_mutex_init(&waiters->lock, NULL);
    waiters->has_news = clock_condition(&waiters->news);
}

/* Under the lock. */
static void tell_waiters(struct waiters *waiters)
{
    if (waiters->has_news && waiters->list.count > 0)
        (void)pthread_cond_broadcast(&waiters->news);
}

bool waiters_hand(struct waiters *waiters, struct kept *kept)
{
    struct waiter *waiter;

    (void)pthread_mutex_lock(&waiters->lock);
    waiter = chain_first(&waiters->list);
    while (waiter != NULL && !waiter->waits)
        waiter = chain_after(&waiter->at);
    if (waiter != NULL) {
        waiter->kept = kept;
        waiter->waits = false;
        tell_waiters(waiters);
    }
    (void)pthread_mutex_unlock(&waiters->lock);
    return waiter != NULL;
}

void waiters_join(struct waiters *waiters, struct waiter *waiter)
{
    *waiter = (struct waiter){.waits = false};
    (void)pthread_mutex_lock(&waiters->lock);
    chain_append(&waiters->list, &waiter->at, waiter);
    (void)pthread_mutex_unlock(&waiters->lock);
}

struct kept *waiters_take(struct waiters *waiters, struct waiter *waiter, bool waits, bool *begins)
{
    struct kept *kept;

    (void)pthread_mutex_lock(&waiters->lock);
    kept = waiter->kept;
    waits = waits && kept == NULL;
    *begins = waits && !waiter->waits;
    waiter->kept = NULL;
    waiter->waits = waits;
    (void)pthread_mutex_unlock(&waiters->lock);
    return kept;
}

void waiters_await(struct waiters *waiters, const struct waiter *waiter,
                   bool (*holds)(const void *context), const void *context, int64_t until_ms)
{
    bool in_time = true;

    (void)pthread_mutex_lock(&waiters->lock);
    while (waiters->has_news && in_time && waiter->kept == NULL && !holds(context))
        in_time = clock_await(&waiters->news, &waiters->lock, until_ms);
    (void)pthread_mutex_unlock(&waiters->lock);
    if (!waiters->has_news)
        clock_sleep_ms(NEWS_LOOK_MS);
}

void waiters_tell(struct waiters *waiters)
{
    (void)pthread_mutex_lock(&waiters->lock);
    tell_waiters(waiters);
    (void)pthread_mutex_unlock(&waiters->lock);
}

void waiters_leave(struct waiters *waiters, struct waiter *waiter)
{
    (void)pthread_mutex_lock(&waiters->lock);
    chain_remove(&waiters->list, &waiter->at);
    (void)pthread_mutex_unlock(&waiters->lock);
}
