/*
 * Owns the callers that have not proven yet who they are. Must never let them take more than
 * their places, nor keep a known peer out by filling them.
 */
#include "calls/reception.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PLACES 128
#define SILENT_MS 200 /* within which an honest caller's hello is here: a round trip and more */
#define HEARD_MS 2000 /* within which its confirmation is; less while such callers are many */
#define QUIET_MS 10000
#define PAUSE_MS 20 /* before the next accept when no place or no descriptor is left */

struct reception {
    const struct net_listeners *listeners;
    const struct greeting_rules *rules;
    int64_t timeout_ms;
    struct refusals *refusals;
    reception_name *name;
    void *context;
    int64_t paused_until_ms; /* no call is accepted before */
    int64_t quiet_until_ms;  /* no complaint that none can be is made before */
    size_t count;            /* greetings under way; the oldest first */
    struct greeting *greetings[PLACES];
    struct pollfd fds[PLACES + NET_LISTENERS_MAX];
};

/* Take one out, the others keep their order. Its descriptor stays open. */
static void take_out(struct reception *reception, size_t i)
{
    greeting_wipe(reception->greetings[i]);
    free(reception->greetings[i]);
    reception->count--;
    for (; i < reception->count; i++)
        reception->greetings[i] = reception->greetings[i + 1];
}

static void turn_away(struct reception *reception, size_t i)
{
    const struct greeting *greeting = reception->greetings[i];

    refusals_add(reception->refusals, greeting,
                 reception->name(reception->context, greeting->handshake.peer), NULL);
    (void)close(greeting->fd);
    take_out(reception, i);
}

/* The oldest of those who have said their hello, or have not; count if there is none. */
static size_t find_oldest(const struct reception *reception, bool silent)
{
    size_t i = 0;

    while (i < reception->count && (reception->greetings[i]->message == 1) != silent)
        i++;
    return i;
}

/* Whether it came at least so long ago. */
static bool has_been_here(const struct reception *reception, size_t i, int64_t ms)
{
    return i < reception->count &&
           reception->greetings[i]->deadline_ms <= clock_deadline_ms(reception->timeout_ms) - ms;
}

/* How long who has said its hello keeps its place: not long once they have more than half. */
static int64_t heard_ms(const struct reception *reception)
{
    size_t heard = 0;

    for (size_t i = 0; i < reception->count; i++)
        heard += reception->greetings[i]->message != 1;
    return heard > PLACES / 2 ? SILENT_MS : HEARD_MS;
}

/*
 * Make room: the oldest of those who have not said their hello goes, since an honest caller says
 * it at once; if they are new, the oldest who has. False if all of them are too new to be judged.
 */
static bool evict(struct reception *reception)
{
    size_t i = find_oldest(reception, true);

    if (!has_been_here(reception, i, SILENT_MS)) {
        i = find_oldest(reception, false);
        if (!has_been_here(reception, i, heard_ms(reception)))
            return false;
    }
    reception->greetings[i]->error = ERR_EVICTED;
    turn_away(reception, i);
    return true;
}

static enum kith_error welcome(struct reception *reception, int fd, const struct net_peer *from)
{
    struct greeting *greeting = malloc(sizeof(*greeting));

    if (greeting == NULL) {
        (void)close(fd);
        return ERR_MEMORY;
    }
    greeting_listen(greeting, reception->rules, fd, from, clock_deadline_ms(reception->timeout_ms));
    reception->greetings[reception->count++] = greeting;
    return OK;
}

/*
 * A call may be there, and cannot be taken. Time has to pass, lest we try without end; where it
 * changes nothing, the wait is over.
 */
static enum kith_error lack_call(struct reception *reception, int problem)
{
    if (problem == ENOSYS || problem == EBADF || problem == ENOTSOCK || problem == EINVAL)
        return ERR_SYSTEM;
    if (reception->count > 0 &&
        (problem == EMFILE || problem == ENFILE || problem == ENOBUFS || problem == ENOMEM))
        (void)evict(reception);
    if (clock_now_ms() >= reception->quiet_until_ms) {
        reception->quiet_until_ms = clock_deadline_ms(QUIET_MS);
        log_event(LOG_NOTE, "listen", reception->listeners->text, "cannot accept",
                  strerror(problem));
    }
    reception->paused_until_ms = clock_deadline_ms(PAUSE_MS);
    return OK;
}

/* Accept the calls that wait, but no more at once than there are places. */
static enum kith_error accept_calls(struct reception *reception, int listener)
{
    enum kith_error error = OK;

    for (int i = 0; error == OK && i < PLACES; i++) {
        struct net_peer from;
        int fd;

        if (reception->count == PLACES && !evict(reception)) {
            reception->paused_until_ms = clock_deadline_ms(PAUSE_MS);
            break; /* the backlog holds them meanwhile */
        }
        if (net_accept(listener, &fd, &from)) {
            error = welcome(reception, fd, &from);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else {
            error = lack_call(reception, errno);
            break;
        }
    }
    return error;
}

/* Fill the poll set: greetings first, listeners behind. Returns the time to wait. */
static int arm(struct reception *reception)
{
    bool paused = clock_now_ms() < reception->paused_until_ms;
    int64_t until_ms = refusals_due_ms(reception->refusals);

    if (paused && reception->paused_until_ms < until_ms)
        until_ms = reception->paused_until_ms;
    for (size_t i = 0; i < reception->count; i++) {
        const struct greeting *greeting = reception->greetings[i];

        reception->fds[i] = (struct pollfd){
            .fd = greeting->fd,
            .events = greeting->state == GREETING_READS ? POLLIN : POLLOUT,
        };
        if (greeting->deadline_ms < until_ms)
            until_ms = greeting->deadline_ms;
    }
    for (size_t i = 0; i < reception->listeners->count; i++) {
        reception->fds[reception->count + i] = (struct pollfd){
            .fd = paused ? -1 : reception->listeners->fds[i],
            .events = POLLIN,
        };
    }
    return clock_poll_timeout(until_ms);
}

/* Let every greeting go on. True when one is done: it is the guest. */
static bool step_all(struct reception *reception, struct guest *guest)
{
    for (size_t i = reception->count; i-- > 0;) {
        struct greeting *greeting = reception->greetings[i];
        enum greeting_state state;

        if (reception->fds[i].revents == 0 && clock_now_ms() < greeting->deadline_ms)
            continue;
        state = greeting_step(greeting);
        if (state == GREETING_FAILED)
            turn_away(reception, i);
        if (state != GREETING_DONE)
            continue;
        guest->fd = greeting->fd;
        guest->keys = greeting->keys;
        guest->from = greeting->peer;
        memcpy(guest->key, greeting->handshake.peer, KEY_SIZE);
        take_out(reception, i);
        return true;
    }
    return false;
}

/* One round; *found when there is a guest. */
static enum kith_error attend(struct reception *reception, struct guest *guest, bool *found)
{
    size_t greeted;
    enum kith_error error = OK;
    int timeout = arm(reception);

    greeted = reception->count;
    if (poll(reception->fds, (nfds_t)(greeted + reception->listeners->count), timeout) < 0)
        return errno == EINTR ? OK : ERR_SYSTEM;
    *found = step_all(reception, guest);
    for (size_t i = 0; !*found && error == OK && i < reception->listeners->count; i++) {
        if (reception->fds[greeted + i].revents != 0)
            error = accept_calls(reception, reception->listeners->fds[i]);
    }
    return error;
}

enum kith_error reception_await(const struct net_listeners *listeners,
                                const struct greeting_rules *rules, int64_t timeout_ms,
                                struct refusals *refusals, reception_name *name, void *context,
                                struct guest *guest)
{
    struct reception reception = {
        .listeners = listeners,
        .rules = rules,
        .timeout_ms = timeout_ms,
        .refusals = refusals,
        .name = name,
        .context = context,
    };
    enum kith_error error = OK;
    bool found = false;

    while (error == OK && !found) {
        error = attend(&reception, guest, &found);
        refusals_sum_up(refusals, found);
    }
    while (reception.count > 0) {
        (void)close(reception.greetings[0]->fd);
        take_out(&reception, 0);
    }
    return error;
}
