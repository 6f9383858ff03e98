/*
 * Owns the way to a kept channel on which a connection may begin. Must never begin one twice, nor
 * keep a connection waiting for a peer that was not there before.
 */
#include "daemon/channels.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "system/signals.h"

#define SECOND_LOOK_MS 20      /* between two looks whether that one is made */
#define FIND_PAUSE_LEAST_MS 20 /* between two tries to find a peer that was there a moment ago */
#define FIND_PAUSE_MOST_MS 1000
#define SECONDS_MOST 16 /* at once, since threads cost memory: the others call in their own */

/* A channel that is counted as long as it is there; or NULL, and why is logged. */
static struct kept *make(struct channels *channels)
{
    struct kept *kept = calling_make(&channels->calling, NULL);

    if (kept != NULL)
        kept_count(kept, &channels->count);
    return kept;
}

/* In a thread of its own: one channel more, to have it ready. */
static void call_spare(void *context)
{
    struct channels *channels = context;
    struct kept *kept = make(channels);

    if (kept != NULL)
        opener_give(&channels->opener, kept);
    opener_called(&channels->opener, kept != NULL);
}

/* Of the opener, in the main thread. */
static void begin_call(void *context)
{
    struct channels *channels = context;

    if (threads_call(&channels->terms.daemon->threads, call_spare, channels))
        return;
    calling_not_begun(&channels->calling);
    opener_called(&channels->opener, false);
}

/* Of the opener, in any thread: whether a channel still goes to who is to be called. */
static bool is_wanted(void *context, const struct kept *kept)
{
    const struct channels *channels = context;

    return peer_now_is(channels->terms.callee, kept->key, &kept->mark);
}

static void say_failure(const struct channels *channels, enum kith_error error)
{
    (void)log_failure(LOG_ERROR, channels->terms.daemon->terms->what, channels->terms.peer, error,
                      NULL, NULL);
}

/* Of the opener: a channel was ended for what its peer has said, of whom there is one. */
static void complain(void *context, const uint8_t key[static KEY_SIZE], enum kith_error error)
{
    (void)key;
    say_failure(context, error);
}

/* Ask a channel that was just made. */
static enum kith_error ask_new(const struct channels *channels, struct kept *kept)
{
    return kept_ask(kept, channels->terms.target, false);
}

/* Wait for the first of two to answer; the other is given up. */
static enum kith_error await_either(struct kept *one, struct kept *other, int64_t deadline_ms,
                                    struct kept **answers)
{
    struct kept *both[] = {one, other};

    while (clock_now_ms() < deadline_ms) {
        struct pollfd fds[] = {{.fd = one->link.transport.in, .events = POLLIN},
                               {.fd = other->link.transport.in, .events = POLLIN}};

        (void)poll(fds, 2, clock_poll_timeout(deadline_ms));
        for (int i = 0; i < 2; i++) {
            enum kith_error error =
                fds[i].revents != 0 ? kept_await_answer(both[i], 0) : ERR_NO_ANSWER;

            if (error == ERR_NO_ANSWER)
                continue;
            *answers = both[error == ERR_LINK_LOST ? 1 - i : i];
            kept_give_up(both[error == ERR_LINK_LOST ? i : 1 - i]);
            return error == ERR_LINK_LOST ? kept_await_answer(*answers, deadline_ms) : error;
        }
    }
    kept_give_up(other);
    *answers = one;
    return ERR_NO_ANSWER;
}

/* A call in a thread of its own, beside a channel that is asked: that one may answer before. */
struct second {
    struct channels *channels;
    struct kept *kept; /* made, or NULL */
    _Atomic enum { UNDER_WAY, MADE, LEFT } state;
};

/* What was made and is not needed is there for the next. */
static void end_second(struct second *second)
{
    if (second->kept != NULL) {
        opener_give(&second->channels->opener, second->kept);
        signals_wake();
    }
    free(second);
}

static void call_second(void *context)
{
    struct second *second = context;
    struct channels *channels = second->channels;

    second->kept = make(channels);
    channels->seconds--;
    if (atomic_exchange(&second->state, MADE) == LEFT)
        end_second(second);
    else
        waiters_tell(&channels->opener.waiters);
}

static struct second *begin_second(struct channels *channels)
{
    struct second *second = NULL;

    if (channels->seconds++ < SECONDS_MOST)
        second = calloc(1, sizeof(*second));
    if (second != NULL) {
        second->channels = channels;
        if (threads_call(&channels->terms.daemon->threads, call_second, second))
            return second;
    }
    free(second);
    channels->seconds--;
    return NULL;
}

/* Have no more to do with it, but for the channel that is made if that is needed. NULL is fine. */
static struct kept *leave_second(struct second *second, bool needed)
{
    struct kept *kept;

    if (second == NULL || atomic_exchange(&second->state, LEFT) == UNDER_WAY)
        return NULL;
    kept = needed ? second->kept : NULL;
    if (needed)
        second->kept = NULL;
    end_second(second);
    return kept;
}

/* Another channel beside one that is silent, asked as well; or NULL, if that is silent no more. */
static struct kept *make_beside(struct channels *channels, struct kept *kept, int64_t deadline_ms,
                                enum kith_error *error)
{
    struct second *second = begin_second(channels);
    struct kept *fresh;

    if (second == NULL)
        return NULL;
    while (kept_is_silent(kept, *error) && second->state == UNDER_WAY &&
           clock_now_ms() < deadline_ms)
        *error =
            kept_await_answer(kept, clock_earlier(clock_deadline_ms(SECOND_LOOK_MS), deadline_ms));
    fresh = leave_second(second, kept_is_silent(kept, *error));
    if (fresh == NULL || ask_new(channels, fresh) == OK)
        return fresh;
    kept_drop(fresh);
    return NULL;
}

/*
 * The answer of a channel that was asked with a PING in front. One that does not answer even that
 * for a second may be gone, behind a NAT that has forgotten it: then another is asked beside it.
 */
static enum kith_error await_asked(struct channels *channels, struct kept **kept,
                                   int64_t deadline_ms)
{
    enum kith_error error = kept_await_answer(*kept, kept_silent_ms(*kept));
    struct kept *fresh;

    if (kept_is_silent(*kept, error)) {
        fresh = make_beside(channels, *kept, deadline_ms, &error);
        if (fresh != NULL)
            return await_either(*kept, fresh, deadline_ms, kept);
    }
    return error == ERR_NO_ANSWER ? kept_await_answer(*kept, deadline_ms) : error;
}

/* Of the calls, in any thread: whether a channel says that the peer is there. */
static bool is_there(void *context)
{
    const struct channels *channels = context;

    return channels->count > 0;
}

/* Whether there may be one for us as long as there is any, since the peer has no room for more.
 */
static bool is_full(const struct channels *channels)
{
    enum kith_error said = calling_trouble(&channels->calling);

    return channels->count > 0 &&
           (said == OK || said == ERR_HANDSHAKE_CUT || said == ERR_HANDSHAKE_TIMEOUT);
}

/* Until when a peer is called again and again that was there a moment ago: it may be starting. */
static int64_t patient_until_ms(const struct channels *channels, int64_t deadline_ms)
{
    int64_t until_ms = calling_lost_ms(&channels->calling) + channels->terms.calls->timeout_ms;

    if (!peer_now_say(channels->terms.callee, NULL, NULL)) /* a reload has taken it out */
        return 0;
    if (is_full(channels))
        return deadline_ms;
    if (!calling_is_up(&channels->calling))
        return 0;
    if (calling_trouble(&channels->calling) == OK)
        return deadline_ms;
    return clock_earlier(until_ms, deadline_ms);
}

/* Ask a channel that was made, unless that is NULL. */
static enum kith_error ask_fresh(struct channels *channels, struct kept **kept, struct kept *fresh,
                                 int64_t deadline_ms)
{
    *kept = fresh;
    if (fresh == NULL || ask_new(channels, fresh) != OK)
        return ERR_LINK_LOST;
    return kept_await_answer(fresh, deadline_ms);
}

/* A wait for a channel that others are done with; or, from a moment on, for that of a call. */
struct attempt {
    const struct opener *opener;
    struct waiter *waiter;
    int64_t call_ms; /* when it calls */
    int64_t deadline_ms;
    struct second *second; /* the call, or NULL */
};

/* Of the waiters: whether its call is over, or all of this is. */
static bool is_settled(const void *context)
{
    const struct attempt *attempt = context;

    return attempt->opener->is_over || (attempt->second != NULL && attempt->second->state == MADE);
}

/* How it ends: with a channel of others; with the call, or the deadline; it cannot call; or nobody
 * may wait any more. */
enum ending { HANDED, OVER, NO_THREAD, STOPPED };

/* Call, if it is time for that. False if there is no thread for it. */
static bool call_in_time(struct channels *channels, struct attempt *attempt)
{
    if (attempt->second != NULL || clock_now_ms() < attempt->call_ms)
        return true;
    attempt->second = begin_second(channels);
    return attempt->second != NULL;
}

static enum ending await_one(struct channels *channels, struct attempt *attempt, struct kept **kept)
{
    struct opener *opener = &channels->opener;
    size_t before = channels->count;

    for (;;) {
        *kept = opener_waited(opener, attempt->waiter, channels->terms.target);
        if (*kept != NULL)
            return HANDED;
        if (opener->is_over)
            return STOPPED;
        if (is_settled(attempt) || clock_now_ms() >= attempt->deadline_ms)
            return OVER;
        if (channels->count < before) /* there is room for another one */
            attempt->call_ms = clock_now_ms();
        if (!call_in_time(channels, attempt))
            return NO_THREAD;
        waiters_await(&opener->waiters, attempt->waiter, is_settled, attempt,
                      attempt->second == NULL ? attempt->call_ms : attempt->deadline_ms);
    }
}

/*
 * Have one that others are done with; or, after the pause, one of a call, which may take long, so
 * that both are waited for. ERR_LINK_LOST: neither, or it was lost; *kept may be NULL.
 * ERR_STOPPING: it is.
 */
static enum kith_error try_again(struct channels *channels, struct waiter *waiter,
                                 struct kept **kept, int64_t pause_ms, int64_t deadline_ms)
{
    struct attempt attempt = {.opener = &channels->opener,
                              .waiter = waiter,
                              .call_ms = clock_deadline_ms(pause_ms),
                              .deadline_ms = deadline_ms};
    enum ending ending = await_one(channels, &attempt, kept);
    struct kept *fresh;

    if (ending == HANDED) {
        (void)leave_second(attempt.second, false);
        return await_asked(channels, kept, deadline_ms);
    }
    opener_wait_off(&channels->opener, waiter);
    if (ending == STOPPED) {
        (void)leave_second(attempt.second, false);
        return ERR_STOPPING;
    }
    fresh = ending == NO_THREAD ? make(channels) : leave_second(attempt.second, true);
    return ask_fresh(channels, kept, fresh, deadline_ms);
}

/* Why the last call came to nothing, or is not over. */
static enum kith_error why_none(const struct channels *channels)
{
    enum kith_error said = calling_trouble(&channels->calling);

    return said != OK ? said : ERR_HANDSHAKE_TIMEOUT;
}

/* None was had: of a peer that has no channel here it is the calls that say why. */
static void give_up(struct channels *channels, struct kept **kept)
{
    if (*kept != NULL)
        say_failure(channels, ERR_LINK_LOST);
    else if (is_there(channels))
        say_failure(channels, why_none(channels));
    kept_drop(*kept);
    *kept = NULL;
}

/* Wait for a channel that others are done with, and call beside that, as long as there is hope. */
static enum kith_error persist(struct channels *channels, struct kept **kept, int64_t deadline_ms)
{
    struct waiter waiter;
    enum kith_error error;
    int64_t pause_ms = 0, left_ms;

    waiters_join(&channels->opener.waiters, &waiter);
    do {
        kept_drop(*kept);
        error = try_again(channels, &waiter, kept, pause_ms, deadline_ms);
        left_ms = patient_until_ms(channels, deadline_ms) - clock_now_ms();
        pause_ms = clock_longer_pause(pause_ms, FIND_PAUSE_LEAST_MS, FIND_PAUSE_MOST_MS);
        pause_ms = clock_earlier(pause_ms, left_ms);
    } while (error == ERR_LINK_LOST && left_ms > 0);
    opener_wait_off(&channels->opener, &waiter);
    waiters_leave(&channels->opener.waiters, &waiter);
    return error;
}

enum kith_error channels_obtain(struct channels *channels, struct kept **kept)
{
    int64_t deadline_ms = clock_deadline_ms(channels->terms.calls->timeout_ms);
    enum kith_error error = ERR_LINK_LOST;

    if (*kept == NULL)
        *kept = opener_take_given(&channels->opener, channels->terms.target);
    if (*kept != NULL)
        error = await_asked(channels, kept, deadline_ms);
    if (error == ERR_LINK_LOST)
        error = persist(channels, kept, deadline_ms);
    if (error == ERR_LINK_LOST)
        give_up(channels, kept);
    return error;
}

void channels_begin(struct channels *channels, const struct channels_terms *terms,
                    const struct opener_terms *kept)
{
    struct opener_terms mine = *kept;
    const struct calling_terms calling = {
        .daemon = terms->daemon,
        .calls = terms->calls,
        .peer = terms->peer,
        .kind = KIND_KEPT,
        .side = SIDE_OPENS,
        .callee = terms->callee,
        .is_there = is_there,
        .context = channels,
    };

    channels->terms = *terms;
    calling_begin(&channels->calling, &calling);
    mine.complain = complain;
    mine.call = begin_call;
    mine.is_wanted = is_wanted;
    mine.context = channels;
    opener_begin(&channels->opener, &mine);
}
