/*
 * Owns the listen command: who may call, and the one call that is taken. Must never take a
 * second one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

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
#include "peers/conditions.h"
#include "system/notify.h"
#include "system/signals.h"

#define PLACES 128    /* for callers whose handshake is not done */
#define DESCRIPTORS 2 /* of each: its own, and one for the keeper's answer */

/* Where calls come from: listeners, or in their place the one that we were started with. */
struct origin {
    struct listeners listeners;
    struct transport transport;
    struct endpoint from;
};

/* Without its keeper it can let nobody in. What fails is logged. */
static enum kith_error log_end(const struct refusals *refusals, bool keeper_has_left)
{
    if (keeper_has_left)
        return log_failure(LOG_ERROR, "keeper", NULL, ERR_KEEPER, NULL, "it has ended");
    return log_failure(LOG_ERROR, "listen", refusals->which, ERR_SYSTEM, NULL, NULL);
}

/*
 * Let the reception go on until it has a guest, or nobody may come any more, or a signal ends us,
 * which is watched there. What fails is logged.
 */
static enum kith_error await_guest(struct reception *reception, struct refusals *refusals,
                                   const struct keeper *keeper, int watched, struct guest *guest)
{
    enum reception_result result = RECEPTION_NOBODY;
    struct poll_set set;
    bool waited = true, left = false, expects = true, ends = false;
    enum kith_error error = OK;

    if (poll_set_make(&set, reception->terms.places + LISTENERS_MAX + 2) != OK)
        return log_failure(LOG_ERROR, "listen", refusals->which, ERR_MEMORY, NULL, NULL);
    while (waited && !left && !ends && expects && result == RECEPTION_NOBODY) {
        int64_t until_ms = refusals_due_ms(refusals), due_ms;
        size_t keeper_at, watched_at;

        poll_set_clear(&set);
        keeper_at = poll_set_add(&set, keeper->helper.line, POLLIN); /* where only an end comes */
        watched_at = poll_set_add(&set, watched, POLLIN);
        due_ms = reception_arm(reception, &set);
        waited = poll_set_wait(&set, clock_earlier(due_ms, until_ms));
        left = waited && poll_set_is_ready(&set, keeper_at);
        ends = waited && poll_set_is_ready(&set, watched_at);
        if (waited)
            result = reception_step(reception, &set, guest);
        expects = reception->terms.listeners->count > 0 || reception_count(reception) > 0;
        refusals_sum_up(refusals, result == RECEPTION_GUEST || ends);
    }
    if (result == RECEPTION_NOBODY && !expects) /* which was said */
        error = refusals->last != OK ? refusals->last : ERR_HANDSHAKE_CUT;
    else if (result != RECEPTION_GUEST && !ends)
        error = log_end(refusals, left);
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
    size_t places = capacity_find(DESCRIPTORS, 0);

    return places < PLACES ? places : PLACES;
}

/* Wait for the guest on an open listener, which is closed once there is one. */
static enum kith_error take_one(struct setup *setup, struct origin *origin,
                                struct admission *admission, struct guest *guest)
{
    static struct refusals refusals;
    const struct options *options = setup->options;
    struct listeners *listeners = &origin->listeners;
    int watched = signals_watch_ends(); /* before places are found for the rest */
    const struct reception_terms terms = {
        .what = "listen",
        .listeners = listeners,
        .rules = &setup->rules,
        .admission = admission,
        .timeout_ms = options->handshake_timeout_ms,
        .places = find_places(),
        .refusals = &refusals,
    };
    const struct sandbox_needs needs = {.has_programs = options->program != NULL};
    struct reception reception;
    enum kith_error error;

    if (terms.places == 0)
        return log_failure(LOG_ERROR, "listen", listeners->text, ERR_FEW_DESCRIPTORS, NULL, NULL);
    notify_ready_fd(options->ready_fd, listeners->text, true);
    setup_confine(SANDBOX_LISTEN, &needs);
    refusals_init(&refusals, "listen", listeners->text, NULL);
    error = reception_begin(&reception, &terms);
    if (error == OK && options->inetd &&
        !reception_welcome(&reception, origin->transport, &origin->from))
        error = log_failure(LOG_ERROR, "listen", listeners->text, ERR_MEMORY, NULL, NULL);
    origin->transport = TRANSPORT_NONE;
    if (error == OK)
        error = await_guest(&reception, &refusals, &setup->keeper, watched, guest);
    end_if_told();
    reception_end(&reception, OK);
    listeners_close(listeners);
    return error;
}

static enum kith_error take_standard(struct origin *origin)
{
    enum kith_error error = setup_inetd("listen", &origin->transport, &origin->from);

    (void)snprintf(origin->listeners.text, sizeof(origin->listeners.text), "--inetd");
    return error;
}

static enum kith_error open_listeners(struct setup *setup, const struct address *address,
                                      struct listeners *listeners)
{
    enum kith_error error = setup_listen(setup, "listen", address, LISTEN_EVERYWHERE, listeners);

    if (error != OK)
        return error;
    log_event(LOG_MORE, "listen", listeners->text, "waiting for a call", NULL);
    setup_announce(setup, "listen", listeners, address, "dial", "");
    return OK;
}

enum kith_error command_listen(const struct options *options)
{
    struct setup setup;
    struct admission admission = ADMISSION_NOBODY;
    struct origin origin = {.transport = TRANSPORT_NONE};
    struct guest guest = {.transport = TRANSPORT_NONE};
    struct pipe_end end = PIPE_END_NONE;
    struct address address = {.port = ""};
    enum kith_error error = OK;

    if (!options->inetd)
        error =
            setup_parse_address(&address, "listen", options, options->arguments[0], ADDRESS_PORT);
    if (error != OK)
        return error;
    error = setup_begin(&setup, options, NULL, 0, KIND_SET(KIND_PLAIN));
    if (error == OK)
        error = setup_choose_peers(&setup, "listen", &admission);
    if (error == OK && !options->inetd && options->program != NULL)
        setup_warn_of_program("listen", options->program[0],
                              program_file_obstacle(options->program[0]));
    if (error == OK && !options->inetd)
        conditions_warn(&setup.directory, &admission.set, NULL);
    if (error == OK && options->inetd)
        error = take_standard(&origin);
    if (error == OK)
        error = pipe_open(&end, options, "listen", false);
    if (error == OK && !options->inetd)
        error = open_listeners(&setup, &address, &origin.listeners);
    if (error == OK)
        error = take_one(&setup, &origin, &admission, &guest);
    if (error == OK) {
        const struct visitor visitor =
            visitor_of(guest.admitted.name, guest.key, &guest.from, guest.transport.in);

        setup_dismiss_keeper(&setup);
        admission_end(&admission); /* which has namespaces that are secrets */
        pipe_say_connected(&end, &visitor);
        error = pipe_run(&end, guest.transport, &guest.keys, &visitor);
        transport_close(&guest.transport);
    }
    transport_close(&origin.transport);
    pipe_close(&end);
    admission_end(&admission);
    setup_end(&setup);
    return error;
}
