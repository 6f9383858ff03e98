/*
 * Owns the program of --run: when it begins, the signals that are its own, and how its end is ours.
 * Must never begin it without each of its forwards.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "command/forward.h"
#include "helpers/program_file.h"
#include "system/protect.h"
#include "system/signals.h"

#define SETTLE_LOOK_MS 20 /* at what waits for a channel, once the program has ended */

enum kith_error forward_program_prepare(struct forward *forward, char *const *argv)
{
    const char *places[FORWARDS_MAX];
    const struct runner_plan plan = {.argv = argv, .places = places, .count = forward->count};

    for (size_t i = 0; i < forward->count; i++)
        places[i] = forward_door(forward, i)->text;
    return runner_start(&forward->runner, &plan);
}

/* Its forwards are up. Standard input and output are its own. */
void forward_program_begin(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    if (forward->runner.helper.line < 0)
        return;
    forward->was_asked = true;
    protect_vacate(STDIN_FILENO);
    protect_vacate(STDOUT_FILENO);
    if (!runner_begin(&forward->runner))
        daemon_finish(daemon, log_failure(LOG_ERROR, "runner", NULL, ERR_LAUNCHER, NULL, NULL));
}

bool forward_program_has_ended(const struct forward *forward)
{
    return *forward->setup.options->status >= 0;
}

bool forward_program_heeds(struct daemon *daemon, int number)
{
    struct forward *forward = daemon->terms->context;

    if (!forward->was_asked || forward_program_has_ended(forward) || number == SIGCHLD)
        return false;
    runner_pass_on(&forward->runner, number);
    return true;
}

/* How the program has ended is how we do, once what it has begun is carried to its end. */
static void note_status(struct forward *forward, int status)
{
    const struct options *options = forward->setup.options;

    signals_pass_on(false);
    *options->status = status;
    forward->settle_ms = clock_deadline_ms(options->drain_timeout_ms);
}

static void tell_failure(const struct options *options, int system_errno)
{
    const char *name = options->program[0];
    bool is_line = system_errno == ENOENT && strchr(name, ' ') != NULL;

    (void)log_failure(LOG_ERROR, options->what, name, ERR_PROGRAM, strerror(system_errno),
                      is_line ? PROGRAM_LINE_HINT : NULL);
}

static void hear_runner(struct forward *forward)
{
    int what = 0;

    switch (runner_hear(&forward->runner, &what)) {
    case RUNNER_HAS_BEGUN:
        signals_pass_on(true);
        break;
    case RUNNER_COULD_NOT:
        tell_failure(forward->setup.options, what);
        break;
    case RUNNER_HAS_ENDED:
        note_status(forward, what);
        break;
    case RUNNER_IS_GONE:
        descriptor_close(&forward->runner.helper.line); /* its end is noticed by itself */
        break;
    case RUNNER_SILENT:
        break;
    }
}

/* What was to end the program but does not reach it ends us; its runner ends it, once it can. */
static void take_signals_back(struct forward *forward)
{
    unsigned count = runner_leaves_us(&forward->runner);

    if (count > 0)
        daemon_finish(&forward->daemon, ERR_SIGNAL);
    for (; count > 1; count--)
        signals_note(SIGTERM);
}

/*
 * What the program has said last may have been in a backlog until now, or wait for a channel: it
 * goes on as long as that is so. To be called once all who came before its end are accepted.
 */
static void end_when_drained(struct forward *forward)
{
    struct daemon *daemon = &forward->daemon;
    size_t left = daemon->hooks->waiting(daemon);
    bool goes_on = left > 0 || !connections_have_room(&daemon->connections);

    if (goes_on && clock_now_ms() < forward->settle_ms)
        return;
    if (goes_on)
        log_event(LOG_ERROR, daemon->terms->what, daemon->doors.name,
                  "--drain-timeout is over: connections that have no channel yet are cut short",
                  NULL);
    daemon_finish(daemon, OK);
}

/* Without each of its forwards, a program is not begun. */
static void give_up_if_lost(struct forward *forward)
{
    for (size_t i = 0; i < forward->count && !forward->was_asked; i++) {
        enum kith_error error = route_loss(&forward->routes[i]);

        if (error != OK)
            daemon_finish(&forward->daemon, error);
    }
}

int64_t forward_program_arm(struct forward *forward, struct poll_set *set)
{
    int64_t due_ms = forward->runner.due_ms;

    forward->runner_at = poll_set_add(set, forward->runner.helper.line, POLLIN);
    if (forward_program_has_ended(forward))
        due_ms = clock_earlier(due_ms, clock_deadline_ms(SETTLE_LOOK_MS));
    return due_ms;
}

void forward_program_step(struct forward *forward, const struct poll_set *set)
{
    if (forward_program_has_ended(forward)) /* which was heard before the last wait */
        end_when_drained(forward);
    if (poll_set_is_ready(set, forward->runner_at))
        hear_runner(forward);
    take_signals_back(forward);
    if (forward->runner.helper.line >= 0)
        give_up_if_lost(forward);
}

/* The program's word is ours; a signal that came before it was begun ends us as any program. */
enum kith_error forward_program_outcome(const struct forward *forward, enum kith_error error)
{
    if ((error != OK && error != ERR_SIGNAL) || forward->setup.options->program == NULL)
        return error;
    return forward_program_has_ended(forward) ? OK : ERR_SIGNAL;
}
