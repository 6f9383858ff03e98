/*
 * Owns what callers say who come for a meeting, of whom none has committed to anything yet. Must
 * never tell any of them anything.
 */
#include "calls/meeting_callers.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/callers.h"
#include "calls/meeting_io.h"
#include "calls/refusals.h"

#define MEETING_PLACES 64
#define AT_ONCE 16 /* calls that are taken in one step */

/* Somebody who may be whom the meeting is with. */
struct stranger {
    struct caller caller; /* first: a caller is its stranger */
    struct transport transport;
    struct endpoint from;
    struct incoming incoming;
};

struct waiting {
    struct callers callers;
    struct refusals refusals; /* how many lines there were */
    int64_t timeout_ms;
};

static struct stranger *stranger_of(struct caller *caller)
{
    return (struct stranger *)(void *)caller;
}

/* Of the callers, all that follow: somebody has called. */
static struct caller *begin_stranger(void *context, struct transport transport,
                                     const struct endpoint *from)
{
    struct waiting *waiting = context;
    struct stranger *stranger = calloc(1, sizeof(*stranger));

    if (stranger == NULL)
        return NULL;
    stranger->transport = transport;
    stranger->from = *from;
    stranger->caller.deadline_ms = clock_deadline_ms(waiting->timeout_ms);
    waiting->callers.work++;
    return &stranger->caller;
}

/* What it waits for. */
static struct pollfd await_stranger(const struct caller *caller)
{
    const struct stranger *stranger = (const struct stranger *)(const void *)caller;

    return (struct pollfd){.fd = stranger->transport.in, .events = POLLIN};
}

/* Let one go on: true once its commit is here. */
static bool advance_stranger(void *context, struct caller *caller)
{
    struct waiting *waiting = context;
    struct stranger *stranger = stranger_of(caller);
    size_t len = 0;
    enum kith_error error =
        incoming_take(&stranger->incoming, &stranger->transport, HASH_SIZE, &len);

    if (error == OK && len == HASH_SIZE)
        return true;
    if (error == OK && len > 0)
        error = ERR_MEETING_MALFORMED;
    else if (error == OK && clock_now_ms() >= caller->deadline_ms)
        error = ERR_HANDSHAKE_TIMEOUT;
    if (error != OK)
        callers_refuse(&waiting->callers, caller, error);
    return false;
}

/*
 * Nobody is known yet: no more than the address is said. Who says something else is mostly the one
 * that is awaited, with another command.
 */
static void tell(void *context, struct caller *caller, enum kith_error why)
{
    struct waiting *waiting = context;
    const struct endpoint *from = &stranger_of(caller)->from;
    const struct log_subject subject = {.what = "meet", .which = from->text, .address = from->text};
    bool shown = why == ERR_MEETING_MALFORMED &&
                 refusals_count(&waiting->refusals, why, endpoint_source(from), clock_now_ms());

    (void)log_refusal(shown ? LOG_NOTE : LOG_MORE, &subject, why, NULL,
                      why == ERR_MEETING_MALFORMED
                          ? "perhaps a kith dial, or not kith at all: we wait for a meeting; run "
                            "there: kith meet HOST:PORT"
                          : NULL);
}

/* Its call is over. */
static void end_stranger(struct caller *caller)
{
    transport_close(&stranger_of(caller)->transport);
    free(stranger_of(caller));
}

static const struct purpose meetings = {
    .begin = begin_stranger,
    .wait = await_stranger,
    .advance = advance_stranger,
    .report = tell,
    .end = end_stranger,
    .work_most = AT_ONCE,
};

/* The one that a meeting is with; NULL with errno. */
static struct stranger *await_commit(struct waiting *waiting, struct poll_set *set)
{
    struct caller *arrived = NULL;

    while (arrived == NULL) {
        int64_t until_ms;

        poll_set_clear(set);
        until_ms = callers_arm(&waiting->callers, set);
        if (!poll_set_wait(set, until_ms) || !callers_step(&waiting->callers, set, &arrived))
            return NULL;
    }
    return stranger_of(arrived);
}

enum kith_error meeting_await_caller(const struct listeners *listeners, int64_t timeout_ms,
                                     struct transport *transport, struct endpoint *from,
                                     uint8_t commit[static HASH_SIZE])
{
    struct waiting waiting = {.timeout_ms = timeout_ms};
    struct stranger *stranger;
    struct poll_set set;
    enum kith_error error = OK;

    if (poll_set_make(&set, MEETING_PLACES + LISTENERS_MAX) != OK)
        return log_failure(LOG_ERROR, "meet", listeners->text, ERR_MEMORY, NULL, NULL);
    refusals_init(&waiting.refusals, "meet", listeners->text, false);
    callers_begin(&waiting.callers, &meetings, &waiting, MEETING_PLACES, "meet", listeners);
    stranger = await_commit(&waiting, &set);
    if (stranger == NULL) {
        error = log_failure(LOG_ERROR, "meet", listeners->text, ERR_SYSTEM, NULL, NULL);
    } else {
        memcpy(commit, incoming_body(&stranger->incoming), HASH_SIZE);
        *transport = stranger->transport;
        *from = stranger->from;
        stranger->transport = TRANSPORT_NONE;
    }
    callers_end(&waiting.callers, OK);
    poll_set_free(&set);
    return error;
}
