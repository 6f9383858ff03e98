/*
 * Owns the listen command: who may call, and the one call that is taken. Must never take a
 * second one.
 */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/reception.h"
#include "calls/refusals.h"
#include "command/commands.h"
#include "command/pipe.h"
#include "command/setup.h"
#include "command/setup_inetd.h"
#include "command/setup_listen.h"
#include "daemon/capacity.h"
#include "helpers/program_file.h"
#include "peers/admission.h"
#include "peers/condition_warnings.h"
#include "system/notify.h"
#include "system/signals.h"

#define LISTEN_PLACES 128 /* for callers whose handshake is not done */

struct listening {
    struct setup setup;
    struct admission admission;
    struct address asked; /* where we are to listen, as it was given */
    struct listeners listeners;
    struct transport came; /* with --inetd: the channel that we were started with */
    struct endpoint from;  /* and who is at its other end */
    struct pipe_end end;
    struct reception reception;
    struct refusals refusals;
    int watched;        /* where a signal that ends us is noticed */
    struct guest guest; /* once there is one */
};

/* Why the wait for a guest has ended, if it has. */
enum wait_end { WAITS_ON, HAS_GUEST, IS_TOLD_TO_END, NOBODY_COMES, KEEPER_HAS_LEFT, CANNOT_WAIT };

/* Let the reception go on by one step. */
static enum wait_end wait_once(struct listening *listening, struct poll_set *set)
{
    struct reception *reception = &listening->reception;
    int64_t until_ms = refusals_due_ms(&listening->refusals), due_ms;
    size_t keeper_at, watched_at;
    enum reception_result result;

    poll_set_clear(set);
    keeper_at = poll_set_add(set, listening->setup.keeper.helper.line, POLLIN); /* its end alone */
    watched_at = poll_set_add(set, listening->watched, POLLIN);
    due_ms = reception_arm(reception, set);
    if (!poll_set_wait(set, clock_earlier(due_ms, until_ms)))
        return CANNOT_WAIT;
    result = reception_step(reception, set, &listening->guest);
    if (result == RECEPTION_GUEST)
        return HAS_GUEST;
    if (result == RECEPTION_NOBODY && listening->listeners.count == 0 &&
        reception_count(reception) == 0)
        return NOBODY_COMES;
    if (poll_set_is_ready(set, watched_at))
        return IS_TOLD_TO_END;
    if (poll_set_is_ready(set, keeper_at)) /* without it nobody can be let in */
        return KEEPER_HAS_LEFT;
    return result == RECEPTION_FAILED ? CANNOT_WAIT : WAITS_ON;
}

/* What has come of the wait. What fails is logged. */
static enum kith_error conclude_wait(const struct refusals *refusals, enum wait_end end)
{
    if (end == NOBODY_COMES) /* which was said */
        return refusals->last != OK ? refusals->last : ERR_HANDSHAKE_CUT;
    if (end == KEEPER_HAS_LEFT)
        return log_failure(LOG_ERROR, "keeper", NULL, ERR_KEEPER, NULL, "it has ended");
    if (end == CANNOT_WAIT)
        return log_failure(LOG_ERROR, refusals->what, refusals->which, ERR_SYSTEM, NULL, NULL);
    return OK;
}

/* Wait until there is a guest, or nobody may come any more, or a signal ends us. */
static enum kith_error await_guest(struct listening *listening)
{
    struct refusals *refusals = &listening->refusals;
    struct poll_set set;
    enum wait_end end;
    enum kith_error error;

    if (poll_set_make(&set, listening->reception.terms.places + LISTENERS_MAX + 2) != OK)
        return log_failure(LOG_ERROR, refusals->what, refusals->which, ERR_MEMORY, NULL, NULL);
    do {
        end = wait_once(listening, &set);
        refusals_sum_up(refusals, end == HAS_GUEST || end == IS_TOLD_TO_END);
    } while (end == WAITS_ON);
    error = conclude_wait(refusals, end);
    poll_set_free(&set);
    return error;
}

/* By a signal that has come while it was watched we end here. */
static void end_if_told(void)
{
    int number;

    signals_watch_no_more();
    number = signals_next();
    if (number != 0)
        signals_end_by(number);
}

/* How many places there are descriptors for; 0 if not one. */
static size_t find_places(void)
{
    size_t places = capacity_find(CAPACITY_OF_HANDSHAKE, 0);

    return places < LISTEN_PLACES ? places : LISTEN_PLACES;
}

/* Wait for the guest on an open listener, which is closed once there is one. */
static enum kith_error take_one(struct listening *listening)
{
    struct setup *setup = &listening->setup;
    const struct options *options = setup->options;
    struct listeners *listeners = &listening->listeners;
    struct reception *reception = &listening->reception;
    struct reception_terms terms = {
        .what = options->what,
        .listeners = listeners,
        .rules = &setup->rules,
        .admission = &listening->admission,
        .timeout_ms = options->handshake_timeout_ms,
        .refusals = &listening->refusals,
    };
    const struct sandbox_needs needs = {.has_programs = options->program != NULL};
    enum kith_error error;

    listening->watched = signals_watch_ends(); /* before places are found for the rest */
    terms.places = find_places();
    if (terms.places == 0)
        return log_failure(LOG_ERROR, options->what, listeners->text, ERR_FEW_DESCRIPTORS, NULL,
                           NULL);
    notify_ready_fd(options->ready_fd, listeners->text, true);
    setup_confine(SANDBOX_LISTEN, &needs);
    refusals_init(&listening->refusals, options->what, listeners->text, false);
    error = reception_begin(reception, &terms);
    if (error == OK && options->inetd &&
        !reception_welcome(reception, listening->came, &listening->from))
        error = log_failure(LOG_ERROR, options->what, listeners->text, ERR_MEMORY, NULL, NULL);
    listening->came = TRANSPORT_NONE;
    if (error == OK)
        error = await_guest(listening);
    end_if_told();
    reception_end(reception, OK);
    listeners_close(listeners);
    return error;
}

static enum kith_error take_standard(struct listening *listening)
{
    struct listeners *none = &listening->listeners;

    (void)snprintf(none->text, sizeof(none->text), "--inetd");
    return setup_inetd(&listening->setup, &listening->came, &listening->from);
}

static enum kith_error open_listeners(struct listening *listening)
{
    struct listeners *listeners = &listening->listeners;
    enum kith_error error =
        setup_listen(&listening->setup, &listening->asked, LISTEN_EVERYWHERE, listeners);

    if (error != OK)
        return error;
    log_event(LOG_MORE, listening->setup.options->what, listeners->text, "waiting for a call",
              NULL);
    setup_announce(&listening->setup, listeners, &listening->asked, "dial", "");
    return OK;
}

/* What is wrong with those who may call, or with what they are joined to. */
static void warn(const struct listening *listening, const struct options *options)
{
    if (options->program != NULL)
        setup_warn_of_program(options, options->program[0],
                              program_file_obstacle(options->program[0]));
    condition_warnings_log(&listening->setup.directory, &listening->admission.set, NULL);
}

/* All that comes before the wait for a call. */
static enum kith_error prepare(struct listening *listening, const struct options *options)
{
    enum kith_error error = setup_begin(&listening->setup, options, NULL, 0, KIND_SET(KIND_PLAIN));

    if (error == OK)
        error = setup_choose_peers(&listening->setup, &listening->admission);
    if (error == OK && options->inetd)
        error = take_standard(listening);
    else if (error == OK)
        warn(listening, options);
    if (error == OK)
        error = pipe_open(&listening->end, options);
    if (error == OK && !options->inetd)
        error = open_listeners(listening);
    return error;
}

/* The guest is proven: from here on there is nobody's key to hold, and no more to let in. */
static enum kith_error join_guest(struct listening *listening)
{
    struct guest *guest = &listening->guest;
    const struct visitor visitor =
        visitor_of(guest->admitted.name, guest->key, &guest->from, guest->transport.in);

    setup_dismiss_keeper(&listening->setup);
    admission_end(&listening->admission); /* which has namespaces that are secrets */
    pipe_say_connected(&listening->end, &visitor);
    return pipe_run(&listening->end, guest->transport, &guest->keys, &visitor);
}

enum kith_error command_listen(const struct options *options)
{
    static struct listening listening;
    enum kith_error error = OK;

    listening = (struct listening){.admission = ADMISSION_NOBODY,
                                   .came = TRANSPORT_NONE,
                                   .guest.transport = TRANSPORT_NONE,
                                   .end = PIPE_END_NONE};
    if (options->place != NULL)
        error = setup_parse_address(&listening.asked, options, options->place, ADDRESS_PORT);
    if (error != OK)
        return error;
    error = prepare(&listening, options);
    if (error == OK)
        error = take_one(&listening);
    if (error == OK)
        error = join_guest(&listening);
    transport_close(&listening.guest.transport);
    transport_close(&listening.came);
    pipe_close(&listening.end);
    admission_end(&listening.admission);
    setup_end(&listening.setup);
    return error;
}
