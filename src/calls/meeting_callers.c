/*
 * Owns the callers of whom none has committed to anything yet. Must never let one that says
 * nothing, or nonsense, be in the way of another one, nor tell any of them anything.
 */
#include "calls/meeting_callers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/meeting_io.h"
#include "calls/places.h"
#include "calls/refusals.h"
#include "net/acceptance.h"
#include "net/poll_set.h"

#define MEETING_PLACES 64
#define AT_ONCE 16 /* calls that are taken in one step */

struct caller {
    struct place place; /* first: a place is its caller */
    struct transport transport;
    struct endpoint from;
    struct incoming incoming;
    int64_t deadline_ms;
    size_t at; /* in the poll set */
};

struct waiting {
    struct acceptance acceptance;
    struct places places;
    struct poll_set set;
    struct refusals refusals; /* how many lines there were */
    int64_t timeout_ms;
};

static struct caller *caller_of(struct place *place)
{
    return (struct caller *)(void *)place;
}

/* Nobody is known yet: no more than the address is said. */
static struct log_subject subject_of(const struct endpoint *from)
{
    return (struct log_subject){.what = "meet", .which = from->text, .address = from->text};
}

/* Who says something else is mostly the one that is awaited, with another command. */
static void tell(struct waiting *waiting, const struct caller *caller, enum kith_error why)
{
    bool shown =
        why == ERR_MEETING_MALFORMED &&
        refusals_count(&waiting->refusals, why, endpoint_source(&caller->from), clock_now_ms());
    const struct log_subject subject = subject_of(&caller->from);

    (void)log_refusal(shown ? LOG_NOTE : LOG_MORE, &subject, why, NULL,
                      why == ERR_MEETING_MALFORMED
                          ? "perhaps a kith dial, or not kith at all: we wait for a meeting; run "
                            "there: kith meet HOST:PORT"
                          : NULL);
}

/* Its call is over, for this reason unless it is OK. */
static void dismiss(struct waiting *waiting, struct caller *caller, enum kith_error why)
{
    if (why != OK)
        tell(waiting, caller, why);
    places_leave(&waiting->places, &caller->place);
    transport_close(&caller->transport);
    free(caller);
}

/* Let one go on: true once its commit is here. In any other case it may be gone. */
static bool advance(struct waiting *waiting, struct caller *caller)
{
    enum kith_error error;
    size_t len = 0;
    enum incoming_state state =
        incoming_take(&caller->incoming, &caller->transport, HASH_SIZE, &len, &error);

    if (state == INCOMING_WHOLE && len == HASH_SIZE)
        return true;
    if (state == INCOMING_WHOLE)
        dismiss(waiting, caller, ERR_MEETING_MALFORMED);
    else if (state == INCOMING_FAILED)
        dismiss(waiting, caller, error);
    else if (clock_now_ms() >= caller->deadline_ms)
        dismiss(waiting, caller, ERR_HANDSHAKE_TIMEOUT);
    return false;
}

/* Somebody has called, and may have a place. */
static void welcome(struct waiting *waiting, int fd, const struct endpoint *from)
{
    const struct log_subject subject = subject_of(from);
    struct caller *caller = calloc(1, sizeof(*caller));
    struct place *victim = NULL;
    enum kith_error error;

    if (caller == NULL) {
        (void)close(fd);
        return;
    }
    caller->transport = transport_socket(fd);
    caller->from = *from;
    caller->deadline_ms = clock_deadline_ms(waiting->timeout_ms);
    caller->at = POLL_SET_NONE;
    caller->place.source = endpoint_source(from);
    error = places_enter(&waiting->places, &caller->place, clock_now_ms(), &victim);
    if (victim != NULL)
        dismiss(waiting, caller_of(victim), ERR_EVICTED);
    if (error == OK)
        return;
    (void)log_refusal(LOG_MORE, &subject, error, NULL, NULL);
    transport_close(&caller->transport);
    free(caller);
}

/* Take calls that wait, as long as there is room. False with errno if there will never be one. */
static bool take_calls(struct waiting *waiting)
{
    for (int taken = 0; taken < AT_ONCE; taken++) {
        struct place *victim;
        struct endpoint from;
        int fd = -1;
        enum accepted accepted;

        if (!places_have_room(&waiting->places, clock_now_ms())) {
            acceptance_pause(&waiting->acceptance);
            return true; /* the backlog holds them meanwhile */
        }
        accepted = acceptance_take(&waiting->acceptance, &waiting->set, &fd, &from);
        if (accepted == ACCEPTED_NEVER)
            return false;
        victim =
            accepted == ACCEPTED_NO_ROOM ? places_victim(&waiting->places, clock_now_ms()) : NULL;
        if (victim != NULL)
            dismiss(waiting, caller_of(victim), ERR_EVICTED);
        if (accepted != ACCEPTED)
            return true;
        welcome(waiting, fd, &from);
    }
    return true;
}

/* All that can be waited for, into the set. Until when. */
static int64_t arm(struct waiting *waiting)
{
    int64_t until_ms;

    poll_set_clear(&waiting->set);
    until_ms = acceptance_arm(&waiting->acceptance, &waiting->set);
    for (struct place *place = chain_first(&waiting->places.taken); place != NULL;
         place = chain_after(&place->at)) {
        struct caller *caller = caller_of(place);

        caller->at = poll_set_add(&waiting->set, caller->transport.in, POLLIN);
        until_ms = clock_earlier(until_ms, caller->deadline_ms);
    }
    return until_ms;
}

/* Let those go on that can, or whose time is over. The one that has committed, or NULL. */
static struct caller *step(struct waiting *waiting)
{
    int64_t now_ms = clock_now_ms();
    struct place *next;

    for (struct place *place = chain_first(&waiting->places.taken); place != NULL; place = next) {
        struct caller *caller = caller_of(place);

        next = chain_after(&place->at);
        if ((poll_set_is_ready(&waiting->set, caller->at) || now_ms >= caller->deadline_ms) &&
            advance(waiting, caller))
            return caller;
    }
    return NULL;
}

/* The caller that a meeting is with; NULL with errno. */
static struct caller *await_commit(struct waiting *waiting)
{
    for (;;) {
        int64_t until_ms = arm(waiting);
        struct caller *caller;

        if (!poll_set_wait(&waiting->set, until_ms))
            return NULL;
        caller = step(waiting);
        if (caller != NULL)
            return caller;
        if (!take_calls(waiting))
            return NULL;
    }
}

enum kith_error meeting_await_caller(const struct listeners *listeners, int64_t timeout_ms,
                                     struct transport *transport, struct endpoint *from,
                                     uint8_t commit[static HASH_SIZE])
{
    struct waiting waiting = {.timeout_ms = timeout_ms};
    struct caller *caller;
    struct place *place;
    enum kith_error error = OK;

    if (poll_set_make(&waiting.set, MEETING_PLACES + LISTENERS_MAX) != OK)
        return log_failure(LOG_ERROR, "meet", listeners->text, ERR_MEMORY, NULL, NULL);
    places_init(&waiting.places, MEETING_PLACES);
    refusals_init(&waiting.refusals, "meet", listeners->text, false);
    acceptance_begin(&waiting.acceptance, "meet", listeners);
    caller = await_commit(&waiting);
    if (caller == NULL) {
        error = log_failure(LOG_ERROR, "meet", listeners->text, ERR_SYSTEM, NULL, NULL);
    } else {
        memcpy(commit, incoming_body(&caller->incoming), HASH_SIZE);
        *transport = caller->transport;
        *from = caller->from;
        caller->transport = TRANSPORT_NONE;
    }
    while ((place = chain_first(&waiting.places.taken)) != NULL)
        dismiss(&waiting, caller_of(place), OK);
    poll_set_free(&waiting.set);
    return error;
}
