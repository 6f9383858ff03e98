/*
 * Owns the channels that forward keeps. Must never give one to two, nor let one that is idle go
 * unnoticed when its peer does.
 */
#include "daemon/opener.h"

#include <string.h>

#include "base/clock.h"
#include "system/signals.h"

#define PONG_MS 10000 /* within which a peer that is there answers */
#define CLOSE_MS 5000 /* for a peer's last word */

void opener_begin(struct opener *opener, const struct opener_terms *terms)
{
    *opener = (struct opener){.terms = *terms};
    spares_begin(&opener->spares, terms->holds.spare);
    (void)pthread_mutex_init(&opener->lock, NULL);
    waiters_begin(&opener->waiters);
}

/* Ours to say is CLOSE, and then nothing. */
static void leave_channel(struct opener *opener, struct kept *kept)
{
    if (!kept_say_close(kept)) {
        kept_drop(kept);
        return;
    }
    kept->closed_ms = clock_now_ms();
    kept->next = opener->leaving;
    opener->leaving = kept;
}

/* After its first use, or when it was made for one: how old it may get. */
static void set_age(const struct opener *opener, struct kept *kept, int64_t now_ms)
{
    if (kept->ends_ms == NEVER_MS && opener->terms.age_ms != NEVER_MS)
        kept->ends_ms = now_ms + spares_about_ms(opener->terms.age_ms);
}

void opener_give(struct opener *opener, struct kept *kept)
{
    bool is_over;

    kept->idle_since_ms = kept->pinged_ms = clock_now_ms();
    set_age(opener, kept, kept->idle_since_ms);
    link_hand_on(&kept->link);
    (void)pthread_mutex_lock(&opener->lock);
    is_over = opener->is_over;
    if (!is_over && !waiters_hand(&opener->waiters, kept)) {
        kept->next = opener->given;
        opener->given = kept;
    }
    (void)pthread_mutex_unlock(&opener->lock);
    if (is_over)
        kept_drop(kept);
}

void opener_called(struct opener *opener, bool made)
{
    spares_called(&opener->spares, made);
    signals_wake();
}

/* Take one in that was given: the freshest of all. */
static void hold_channel(struct opener *opener, struct kept *kept)
{
    if (kept->was_used)
        spares_used(&opener->spares);
    kept->at = POLL_SET_NONE;
    kept->next = opener->idle;
    opener->idle = kept;
    opener->idle_count++;
}

/* Who waits comes before those who come later, though not before who has a channel. */
static void hand_out(struct opener *opener)
{
    struct kept *kept;

    while ((kept = opener->idle) != NULL) {
        struct kept *next = kept->next; /* it is another thread's afterwards */

        if (!waiters_hand(&opener->waiters, kept))
            return;
        opener->idle = next;
        opener->idle_count--;
    }
}

/* What threads have left since the last look. */
static void collect_left(struct opener *opener, int64_t now_ms)
{
    struct kept *given;

    spares_look(&opener->spares, now_ms);
    (void)pthread_mutex_lock(&opener->lock);
    given = opener->given;
    opener->given = NULL;
    (void)pthread_mutex_unlock(&opener->lock);
    while (given != NULL) {
        struct kept *kept = given;

        given = kept->next;
        if (opener->terms.is_wanted(opener->terms.context, kept))
            hold_channel(opener, kept);
        else
            kept_drop(kept); /* a reload did not see this channel */
    }
    hand_out(opener);
}

/* Ask one that nobody else has for a stream; it is gone if it takes not even that. */
static bool ask_idle(struct kept *kept, const char *target)
{
    kept->pinged_ms = clock_now_ms();
    if (kept_ask(kept, target, true) == OK)
        return true;
    kept_drop(kept);
    return false;
}

/* The same, unless its peer is not wanted any more: then it is gone as well. */
static bool take_if_wanted(const struct opener *opener, struct kept *kept, const char *target)
{
    if (opener->terms.is_wanted(opener->terms.context, kept))
        return ask_idle(kept, target);
    kept_drop(kept);
    return false;
}

/* The same of one that the main thread may not have looked at: it may be too old. */
static bool take_if_young(const struct opener *opener, struct kept *kept, const char *target)
{
    if (clock_now_ms() < kept->ends_ms)
        return take_if_wanted(opener, kept, target);
    kept_drop(kept);
    return false;
}

static bool is_of(const struct kept *kept, const uint8_t key[static KEY_SIZE])
{
    return memcmp(kept->key, key, KEY_SIZE) == 0;
}

/* Where the freshest of a peer stands in the list of those that are idle, or its end. */
static struct kept **find(struct opener *opener, const uint8_t key[static KEY_SIZE])
{
    struct kept **at = &opener->idle;

    while (*at != NULL && !is_of(*at, key))
        at = &(*at)->next;
    return at;
}

struct kept *opener_take(struct opener *opener, const uint8_t key[static KEY_SIZE],
                         const char *target)
{
    struct kept **at = find(opener, key), *kept;

    if (*at == NULL) {
        collect_left(opener, clock_now_ms());
        at = find(opener, key);
    }
    while ((kept = *at) != NULL) {
        *at = kept->next;
        opener->idle_count--;
        if (take_if_wanted(opener, kept, target)) {
            link_hand_on(&kept->link);
            return kept;
        }
        at = find(opener, key);
    }
    return NULL;
}

static size_t count_of(const struct kept *kept, const uint8_t key[static KEY_SIZE])
{
    size_t count = 0;

    for (; kept != NULL; kept = kept->next)
        count += is_of(kept, key);
    return count;
}

size_t opener_count(struct opener *opener, const uint8_t key[static KEY_SIZE])
{
    size_t given;

    (void)pthread_mutex_lock(&opener->lock);
    given = count_of(opener->given, key);
    (void)pthread_mutex_unlock(&opener->lock);
    return given + count_of(opener->idle, key);
}

static struct kept *pop_given(struct opener *opener)
{
    struct kept *kept;

    (void)pthread_mutex_lock(&opener->lock);
    kept = opener->given;
    if (kept != NULL)
        opener->given = kept->next;
    (void)pthread_mutex_unlock(&opener->lock);
    return kept;
}

struct kept *opener_take_given(struct opener *opener, const char *target)
{
    struct kept *kept;

    while ((kept = pop_given(opener)) != NULL)
        if (take_if_young(opener, kept, target))
            return kept;
    return NULL;
}

struct kept *opener_waited(struct opener *opener, struct waiter *waiter, const char *target)
{
    struct kept *kept;
    bool begins;

    while ((kept = waiters_take(&opener->waiters, waiter, true, &begins)) != NULL)
        if (take_if_young(opener, kept, target))
            return kept;
    if (begins)
        signals_wake(); /* one may be idle */
    return NULL;
}

void opener_wait_off(struct opener *opener, struct waiter *waiter)
{
    bool begins;
    struct kept *kept = waiters_take(&opener->waiters, waiter, false, &begins);

    if (kept == NULL)
        return;
    opener_give(opener, kept);
    signals_wake();
}

/* One that is idle says something: false if it is of no more use. */
static bool listen_to(const struct opener *opener, struct kept *kept, int64_t now_ms)
{
    struct record record;
    enum kith_error error;
    bool heard;

    do {
        error = link_hear(&kept->link, &record, &heard);
        if (error == OK && heard)
            kept->pinged_ms = now_ms;
    } while (error == OK && heard && record.type == RECORD_PONG);
    link_hand_on(&kept->link);
    if (error != OK && error != ERR_LINK_LOST)
        opener->terms.complain(opener->terms.context, kept->key, error);
    return error == OK && !heard;
}

/* Ask whether it is there, if it is time: false if it did not answer the last time. */
static bool look_after(const struct opener *opener, struct kept *kept, int64_t now_ms)
{
    const struct record ping = {.type = RECORD_PING};

    if (kept->link.turn.pinged)
        return now_ms < kept->pinged_ms + PONG_MS;
    if (now_ms < kept->pinged_ms + opener->terms.ping_ms)
        return true;
    kept->pinged_ms = now_ms;
    return link_say(&kept->link, &ping, 1) == OK;
}

/* Until when one that is the nth of those idle, freshest first, is wanted. */
static int64_t wanted_until_ms(const struct opener_terms *terms, const struct kept *kept,
                               size_t nth)
{
    return clock_earlier(kept->ends_ms, holds_until_ms(&terms->holds, nth, kept->idle_since_ms));
}

/* Hear those that are idle, and let those go that are not there or not wanted any more. */
static void tend_idle(struct opener *opener, const struct poll_set *set, int64_t now_ms)
{
    struct kept **at = &opener->idle, *kept;
    size_t nth = 0;

    while ((kept = *at) != NULL) {
        bool there = !poll_set_is_ready(set, kept->at) || listen_to(opener, kept, now_ms);

        kept->at = POLL_SET_NONE;
        there = there && look_after(opener, kept, now_ms);
        if (there && now_ms < wanted_until_ms(&opener->terms, kept, ++nth)) {
            at = &kept->next;
            continue;
        }
        *at = kept->next;
        opener->idle_count--;
        if (!there && !kept->was_used)
            spares_wasted(&opener->spares, now_ms - kept->made_ms, now_ms);
        if (there)
            leave_channel(opener, kept);
        else
            kept_drop(kept);
    }
}

/* Those that we have said CLOSE on, until the peer has had the time to take it. */
static void tend_leaving(struct opener *opener, const struct poll_set *set, int64_t now_ms)
{
    struct kept **at = &opener->leaving, *kept;

    while ((kept = *at) != NULL) {
        bool there = !poll_set_is_ready(set, kept->at) || listen_to(opener, kept, now_ms);

        if (there && now_ms < kept->closed_ms + CLOSE_MS) {
            at = &kept->next;
            continue;
        }
        *at = kept->next;
        kept_drop(kept);
    }
}

/* Have those made that are missing. */
static void call_missing(struct opener *opener, int64_t now_ms)
{
    while (spares_lack(&opener->spares, opener->idle_count, now_ms))
        opener->terms.call(opener->terms.context);
}

/* When the nth of those idle, freshest first, is to be looked at again. */
static int64_t idle_due_ms(const struct opener *opener, const struct kept *kept, size_t nth)
{
    int64_t answer_ms = kept->link.turn.pinged ? PONG_MS : opener->terms.ping_ms;

    return clock_earlier(kept->pinged_ms + answer_ms, wanted_until_ms(&opener->terms, kept, nth));
}

int64_t opener_arm(struct opener *opener, struct poll_set *set)
{
    int64_t now_ms = clock_now_ms(), due_ms;
    size_t nth = 0;

    collect_left(opener, now_ms);
    call_missing(opener, now_ms);
    due_ms = spares_due_ms(&opener->spares, opener->idle_count);
    for (struct kept *kept = opener->idle; kept != NULL; kept = kept->next) {
        kept->at = poll_set_add(set, kept->link.transport.in, POLLIN);
        due_ms = clock_earlier(due_ms, idle_due_ms(opener, kept, ++nth));
    }
    for (struct kept *kept = opener->leaving; kept != NULL; kept = kept->next) {
        kept->at = poll_set_add(set, kept->link.transport.in, POLLIN);
        due_ms = clock_earlier(due_ms, kept->closed_ms + CLOSE_MS);
    }
    return due_ms;
}

void opener_step(struct opener *opener, const struct poll_set *set)
{
    int64_t now_ms = clock_now_ms();

    collect_left(opener, now_ms);
    tend_idle(opener, set, now_ms);
    tend_leaving(opener, set, now_ms);
}

void opener_end_unwanted(struct opener *opener, bool all)
{
    struct kept **at = &opener->idle, *kept;

    collect_left(opener, clock_now_ms());
    while ((kept = *at) != NULL) {
        if (!all && opener->terms.is_wanted(opener->terms.context, kept)) {
            at = &kept->next;
            continue;
        }
        *at = kept->next;
        opener->idle_count--;
        kept_drop(kept);
    }
}

void opener_leave_longest(struct opener *opener)
{
    struct kept **at = &opener->idle, *kept;

    if (opener->idle == NULL)
        return;
    while ((*at)->next != NULL)
        at = &(*at)->next;
    kept = *at;
    *at = NULL;
    opener->idle_count--;
    kept_give_up(kept);
}

void opener_end(struct opener *opener)
{
    (void)pthread_mutex_lock(&opener->lock);
    opener->is_over = true;
    (void)pthread_mutex_unlock(&opener->lock);
    waiters_tell(&opener->waiters);
    collect_left(opener, clock_now_ms());
    for (struct kept *kept = opener->idle; kept != NULL; kept = kept->next)
        (void)kept_say_close(kept);
    opener_end_unwanted(opener, true);
    while (opener->leaving != NULL) {
        struct kept *kept = opener->leaving;

        opener->leaving = kept->next;
        kept_drop(kept);
    }
}
