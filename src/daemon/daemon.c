/*
 * Owns the main thread of a daemon, which answers signals and sees to the end. Must never wait for
 * a connection longer than a drain may take.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/capacity.h"
#include "daemon/reaper.h"
#include "daemon/report.h"
#include "system/memory.h"
#include "system/notify.h"
#include "system/signals.h"

#define SENT_AWAY_MS 1000 /* for those who were sent away to be gone */
#define LEAVE_LOOK_MS 20  /* between two looks whether they are */
#define POLLED_BESIDE 8   /* descriptors that are no caller's, nor a door's */
#define OPENED_LATER 3    /* that stay: the log's, and what waits for parked channels */
#define DESCRIPTION_SIZE (2 * DOORS_LIST_SIZE)
#define NOTIFY_AGAIN_MS 50 /* between two tries to tell a supervisor that takes nothing */

/* The main thread's own. */
struct loop {
    struct daemon *daemon;
    int signal_fd;
    int64_t drain_deadline_ms; /* once draining */
    int ending;                /* the signal that began it, or 0 */
    bool at_once;
    struct poll_set set;
    size_t signal_at; /* in it */
    bool is_ready;    /* and has said so */
    bool reloads;
    bool reload_again;    /* once that is over */
    struct reaper reaper; /* of the helpers */
    enum kith_error lost; /* one of them, before the end */
};

static size_t count_channels(struct daemon *daemon)
{
    struct connections_totals totals;

    connections_count(&daemon->connections, &totals);
    return totals.count - totals.pending - totals.leaving;
}

/* A visit: who has no channel yet is not waited for, but counted. */
static void send_away(struct connection *connection, void *context)
{
    size_t *count = context;

    if (connection->is_open)
        return;
    connection_end(connection, ERR_STOPPING);
    (*count)++;
}

static void format_channels(char *out, size_t size, size_t count)
{
    (void)snprintf(out, size, "%zu channel%s", count, count == 1 ? "" : "s");
}

/* Whom it waits for, and how many were sent away. */
static void say_drain(struct daemon *daemon, size_t sent_away)
{
    size_t count = count_channels(daemon);
    char channels[40], why[128];
    size_t len;

    format_channels(channels, sizeof(channels), count);
    if (count == 0)
        (void)snprintf(why, sizeof(why), "no new calls; no channel is open");
    else
        (void)snprintf(why, sizeof(why), "no new calls; waiting for %s, at most %.6g s", channels,
                       (double)daemon->terms->drain_timeout_ms / 1e3);
    len = strlen(why);
    if (sent_away > 0)
        (void)snprintf(why + len, sizeof(why) - len, "; reset, since they had none yet: %zu",
                       sent_away);
    log_event(LOG_NOTE, daemon->terms->what, daemon->doors.name, why,
              count == 0 ? NULL : "a second signal quits");
    notify_status(why);
}

static void begin_drain(struct loop *loop, int number)
{
    struct daemon *daemon = loop->daemon;
    size_t sent_away = 0;

    if (loop->ending != 0) {
        loop->at_once = true;
        return;
    }
    loop->ending = number;
    loop->drain_deadline_ms = clock_deadline_ms(daemon->terms->drain_timeout_ms);
    notify("STOPPING=1\nSTATUS=no new calls");
    connections_each(&daemon->connections, send_away, &sent_away); /* before they hear of it */
    daemon->hooks->stop(daemon);
    doors_close(&daemon->doors);
    if (!daemon->is_done || count_channels(daemon) > 0)
        say_drain(daemon, sent_away);
}

/* Without one of the helpers the channels that are open can still finish, but no other follows. */
static void lose(struct loop *loop, const char *what, enum kith_error error)
{
    if (loop->ending != 0)
        return;
    (void)log_failure(LOG_ERROR, what, NULL, error, NULL, "it has ended");
    loop->lost = error;
    begin_drain(loop, SIGTERM);
}

static void reap(struct loop *loop)
{
    const struct watched *lost = reaper_reap(&loop->reaper);

    if (lost != NULL)
        lose(loop, lost->what, lost->error);
}

/* The main thread's room for what is said of all doors: its stack may be small. */
static char description[DESCRIPTION_SIZE];

/* Where we listen, or whom we call, and what there is to say beside it. */
static const char *describe(struct daemon *daemon)
{
    const char *does = doors_sockets(&daemon->doors) > 0 ? "listening on " : "calling ";
    char *out = description;
    size_t used = strlen(does);

    memcpy(out, does, used);
    doors_format(out + used, &daemon->doors, ", ");
    used += strlen(out + used);
    if (daemon->hooks->describe != NULL)
        daemon->hooks->describe(daemon, out + used, DESCRIPTION_SIZE - used, false);
    return out;
}

static void tell_ready(struct daemon *daemon)
{
    notify_ready(describe(daemon));
}

void daemon_finish(struct daemon *daemon, enum kith_error outcome)
{
    daemon->is_done = true;
    daemon->outcome = outcome;
    signals_wake(); /* the main thread may be about to wait */
}

void daemon_tell_state(struct daemon *daemon)
{
    notify_status(describe(daemon));
}

static void report(struct daemon *daemon)
{
    const struct daemon_hooks *hooks = daemon->hooks;

    description[0] = '\0';
    if (hooks->describe != NULL)
        hooks->describe(daemon, description, sizeof(description), true);
    report_all(&daemon->connections, daemon->terms->what, daemon->doors.name,
               hooks->waiting(daemon), description);
    if (hooks->report != NULL)
        hooks->report(daemon);
}

/* One at a time; another one follows if it is wanted meanwhile. */
static void begin_reload(struct loop *loop)
{
    loop->reload_again = loop->reloads;
    if (loop->reloads)
        return;
    loop->reloads = true;
    if (loop->is_ready) /* else the end of it would be taken for that */
        notify_reloading();
    reload_begin(loop->daemon->terms->reload);
}

/* Let it go on; whether it is over. */
static bool has_reloaded(const struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    struct reload *reload = daemon->terms->reload;
    enum reload_result result = reload_step(reload, &loop->set);

    if (result == RELOAD_GOES_ON)
        return false;
    if (result == RELOAD_HAS_TEXTS && daemon->hooks->look_again(daemon) &&
        reload_ask_keeper(reload))
        return false;
    daemon->hooks->take_again(daemon, result == RELOAD_DONE);
    reload_end(reload);
    return true;
}

static void step_reload(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;

    if (!loop->reloads || !has_reloaded(loop))
        return;
    loop->reloads = false;
    if (loop->is_ready)
        tell_ready(daemon);
    if (loop->reload_again)
        begin_reload(loop);
}

static void answer_signals(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    int number;

    while (!loop->at_once && (number = signals_next()) != 0) {
        if (loop->ending == 0 && daemon->hooks->heed != NULL && daemon->hooks->heed(daemon, number))
            continue;
        switch (number) {
        case SIGHUP:
            begin_reload(loop);
            break;
        case SIGUSR1:
            report(daemon);
            break;
        case SIGCHLD:
            reap(loop);
            break;
        default:
            begin_drain(loop, number);
        }
    }
}

/* Put what is waited for into the set. Returns until when. */
static int64_t arm(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    int64_t until_ms = refusals_due_ms(&daemon->refusals), due_ms = NEVER_MS, reload_ms = NEVER_MS;

    poll_set_clear(&loop->set);
    loop->signal_at = poll_set_add(&loop->set, loop->signal_fd, POLLIN);
    if (loop->reloads)
        reload_ms = reload_arm(daemon->terms->reload, &loop->set);
    if (loop->ending == 0)
        due_ms = daemon->hooks->arm(daemon, &loop->set);
    else
        until_ms = clock_earlier(until_ms, loop->drain_deadline_ms);
    if (notify_again())
        until_ms = clock_earlier(until_ms, clock_deadline_ms(NOTIFY_AGAIN_MS));
    return clock_earlier(until_ms, clock_earlier(due_ms, reload_ms));
}

static enum kith_error log_failure_of(const struct daemon *daemon, enum kith_error error)
{
    return log_failure(LOG_ERROR, daemon->terms->what, daemon->doors.name, error, NULL, NULL);
}

/* Wait once: for a signal, who comes, a reload to go on, or the end. What fails is logged. */
static enum kith_error attend(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    int64_t until_ms = arm(loop);

    if (!poll_set_wait(&loop->set, until_ms))
        return log_failure_of(daemon, ERR_SYSTEM);
    step_reload(loop);
    if (poll_set_is_ready(&loop->set, loop->signal_at))
        answer_signals(loop);
    if (loop->ending == 0 && !daemon->hooks->step(daemon, &loop->set))
        return log_failure_of(daemon, ERR_SYSTEM);
    if (daemon->is_done && loop->ending == 0)
        begin_drain(loop, SIGTERM);
    refusals_sum_up(&daemon->refusals, false);
    return OK;
}

/* Whether the end has come: no channel is left, or none may be waited for any longer. */
static bool is_over(const struct loop *loop)
{
    if (loop->ending == 0)
        return false;
    return loop->at_once || connections_have_ended(&loop->daemon->connections) ||
           clock_now_ms() >= loop->drain_deadline_ms;
}

static enum kith_error set_limits(struct daemon *daemon)
{
    const struct daemon_terms *terms = daemon->terms;
    struct connections_limits limits = {
        .most = capacity_find(terms->descriptors, terms->descriptors_beside + OPENED_LATER),
        .per_peer = terms->max_per_peer,
        .pending = terms->max_pending != 0 ? terms->max_pending : terms->pending,
    };

    if (limits.most == 0)
        return log_failure(LOG_ERROR, terms->what, NULL, ERR_FEW_DESCRIPTORS, NULL, NULL);
    if (terms->sets_apart)
        capacity_set_apart(&limits.most, terms->descriptors, &limits.pending);
    if (terms->max_connections > limits.most)
        capacity_say(terms->what, limits.most);
    else if (terms->max_connections != 0)
        limits.most = terms->max_connections;
    if (limits.per_peer == 0)
        limits.per_peer = limits.most;
    connections_init(&daemon->connections, &limits);
    return OK;
}

static void cut_channels(const struct loop *loop, size_t count)
{
    struct daemon *daemon = loop->daemon;
    char channels[40], why[128];

    format_channels(channels, sizeof(channels), count);
    (void)snprintf(why, sizeof(why), "%s: %s cut short",
                   loop->at_once ? "a second signal" : "--drain-timeout is over", channels);
    log_event(LOG_ERROR, daemon->terms->what, daemon->doors.name, why, NULL);
    report_cut(&daemon->connections, daemon->terms->what);
}

/* Let those who were sent away be gone, within a bound: whether nobody is left, nor a call. */
static bool await_leaving(struct daemon *daemon)
{
    int64_t deadline_ms = clock_deadline_ms(SENT_AWAY_MS);
    struct connections_totals totals;

    connections_count(&daemon->connections, &totals);
    while (totals.count > 0 && clock_now_ms() < deadline_ms) {
        clock_sleep_ms(LEAVE_LOOK_MS);
        connections_count(&daemon->connections, &totals);
    }
    return totals.count == 0 && threads_are_done(&daemon->threads);
}

/* The end, by its own or by a signal. */
static enum kith_error finish_loop(struct loop *loop, enum kith_error error)
{
    struct daemon *daemon = loop->daemon;
    size_t channels;

    daemon->hooks->stop(daemon);
    channels = count_channels(daemon);

    if (channels > 0)
        cut_channels(loop, channels);
    daemon->is_in_use = channels > 0 || !await_leaving(daemon);
    refusals_sum_up(&daemon->refusals, true);
    poll_set_free(&loop->set);
    if (loop->lost != OK)
        return loop->lost;
    if (daemon->outcome != OK)
        return daemon->outcome;
    return channels > 0 && error == OK ? ERR_SIGNAL : error;
}

/* Open all that stays open, and find the limits beside it. */
static enum kith_error prepare_loop(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    enum kith_error error;

    loop->signal_fd = signals_start();
    if (loop->signal_fd < 0 || !threads_prepare(&daemon->threads))
        return log_failure_of(daemon, ERR_SYSTEM);
    signals_note(SIGCHLD); /* a helper that ended before this would not be missed */
    notify_open();
    error = set_limits(daemon);
    if (error != OK)
        return error;
    error = poll_set_make(&loop->set, daemon->connections.limits.pending +
                                          daemon->terms->descriptors_beside +
                                          doors_sockets(&daemon->doors) + POLLED_BESIDE);
    return error == OK ? OK : log_failure_of(daemon, error);
}

/* One of them writes what is logged, if that may take its time. */
static enum kith_error start_threads(struct daemon *daemon)
{
    bool started = true;

    daemon->log_job = (struct job){.run = log_write_out, .stays = true};
    if (log_divert())
        started = threads_run(&daemon->threads, &daemon->log_job);
    if (started && threads_start(&daemon->threads))
        return OK;
    return log_failure(LOG_ERROR, daemon->terms->what, daemon->doors.name, ERR_NO_THREAD,
                       strerror(errno), NULL);
}

/* Say that we are ready, once. */
static void say_ready(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;

    if (loop->is_ready || (daemon->hooks->is_up != NULL && !daemon->hooks->is_up(daemon)))
        return;
    loop->is_ready = true;
    doors_format(description, &daemon->doors, "\n");
    notify_ready_fd(daemon->terms->ready_fd, description, false);
    tell_ready(daemon);
    if (daemon->hooks->ready != NULL)
        daemon->hooks->ready(daemon);
}

enum kith_error daemon_run(struct daemon *daemon, const struct daemon_hooks *hooks,
                           const struct daemon_terms *terms)
{
    struct loop loop = {.daemon = daemon};
    enum kith_error error;

    daemon->hooks = hooks;
    daemon->terms = terms;
    reaper_watch(&loop.reaper, terms->keeper, "keeper", ERR_KEEPER);
    reaper_watch(&loop.reaper, terms->lookup, "lookup", ERR_LOOKUP);
    reaper_watch(&loop.reaper, terms->launcher, "launcher", ERR_LAUNCHER);
    reaper_watch(&loop.reaper, terms->via, "launcher", ERR_LAUNCHER);
    refusals_init(&daemon->refusals, terms->what, daemon->doors.name, true);
    memory_be_modest();
    error = prepare_loop(&loop);
    if (error == OK)
        error = hooks->begin(daemon);
    if (error == OK)
        error = start_threads(daemon);
    if (error != OK) {
        poll_set_free(&loop.set);
        return error;
    }
    hooks->announce(daemon);
    log_hand_on();
    while (error == OK && !is_over(&loop)) {
        say_ready(&loop);
        error = attend(&loop);
    }
    daemon->signal = loop.ending;
    return finish_loop(&loop, error);
}

bool daemon_end(struct daemon *daemon, enum kith_error error)
{
    doors_close(&daemon->doors);
    if (error == ERR_SIGNAL) {
        log_finish();
        signals_end_by(daemon->signal);
    }
    return !daemon->is_in_use;
}
