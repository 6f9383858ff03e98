/*
 * Owns the main thread of a daemon, which answers signals and sees to the end. Must never wait for
 * a connection longer than a drain may take.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/capacity.h"
#include "daemon/program.h"
#include "peers/who.h"
#include "system/memory.h"
#include "system/notify.h"
#include "system/signals.h"

#define DRAIN_LOOK_MS 20   /* between two looks whether the last channel has ended */
#define POLLED_MAX 4       /* descriptors at once: signals, and what a reload waits for */
#define ROWS 16            /* channels that are told of at a time */
#define LEAVE_MS 1000      /* for those who were sent away to be gone */
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
    bool reloads;
    bool reload_again;  /* once that is over */
    bool keeper_reaped; /* and the lookup: no process has their numbers any more */
    bool lookup_reaped;
    enum kith_error lost; /* one of the two, before the end */
};

static void describe(char out[static DAEMON_WHICH_SIZE], const char *name,
                     const uint8_t key[static KEY_SIZE], const char *address)
{
    char who[WHO_TEXT_SIZE];

    who_format(who, name, key);
    (void)snprintf(out, DAEMON_WHICH_SIZE, "%s at %s", who, address);
}

void daemon_describe(char out[static DAEMON_WHICH_SIZE], const struct connection *connection,
                     const char *address)
{
    describe(out, connection->name, connection->key, address);
}

typedef void tell_row(const struct daemon *daemon, const struct registry_row *row);

/* Tell of the channels that are open, a few at a time. */
static void tell_channels(struct daemon *daemon, bool conclude, tell_row *tell)
{
    struct registry_row rows[ROWS];
    uint64_t after = 0;
    size_t count;

    while ((count = registry_list(&daemon->registry, after, conclude, rows, ROWS)) > 0) {
        for (size_t i = 0; i < count; i++)
            tell(daemon, &rows[i]);
        after = rows[count - 1].number;
    }
}

static void report_one(const struct daemon *daemon, const struct registry_row *row)
{
    char which[DAEMON_WHICH_SIZE], age[24], sent[24], received[24];

    describe(which, row->name, row->key, row->address);
    (void)snprintf(age, sizeof(age), "%" PRId64, (clock_now_ms() - row->opened_ms) / 1000);
    (void)snprintf(sent, sizeof(sent), "%" PRIu64, row->sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, row->received);
    log_fields(LOG_NOTE, daemon->hooks->what, which, "channel", "seconds", age, "sent", sent,
               "received", received, (const char *)NULL);
}

/* SIGUSR1: a line for each channel, and one for all that have been. */
static void report(struct daemon *daemon)
{
    struct registry_totals totals;
    char open[24], pending[24], channels[24], sent[24], received[24], status[128];

    tell_channels(daemon, false, report_one);
    registry_count(&daemon->registry, &totals);
    (void)snprintf(open, sizeof(open), "%zu", totals.count - totals.pending);
    (void)snprintf(pending, sizeof(pending), "%zu", totals.pending);
    (void)snprintf(channels, sizeof(channels), "%" PRIu64, totals.channels);
    (void)snprintf(sent, sizeof(sent), "%" PRIu64, totals.sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, totals.received);
    log_fields(LOG_NOTE, daemon->hooks->what, daemon->listeners.text, "totals", "open", open,
               "pending", pending, "channels", channels, "sent-by-ended", sent, "received-by-ended",
               received, (const char *)NULL);
    (void)snprintf(status, sizeof(status), "STATUS=%s channels open, %s in all", open, channels);
    notify(status);
}

static size_t count_channels(struct daemon *daemon)
{
    struct registry_totals totals;

    registry_count(&daemon->registry, &totals);
    return totals.count - totals.pending;
}

/* A visit: who has no channel yet is not waited for. */
static void send_away(struct connection *connection, void *unused)
{
    (void)unused;
    if (connection->state != CONNECTION_OPEN)
        registry_end(connection, ERR_STOPPING);
}

static void format_channels(char *out, size_t size, size_t count)
{
    (void)snprintf(out, size, "%zu channel%s", count, count == 1 ? "" : "s");
}

static void say_drain(struct daemon *daemon)
{
    size_t count = count_channels(daemon);
    char channels[40], why[128];

    format_channels(channels, sizeof(channels), count);
    if (count == 0)
        (void)snprintf(why, sizeof(why), "no new calls; no channel is open");
    else
        (void)snprintf(why, sizeof(why), "no new calls; waiting for %s, at most %.6g s", channels,
                       (double)daemon->terms->drain_timeout_ms / 1e3);
    log_event(LOG_NOTE, daemon->hooks->what, daemon->listeners.text, why,
              count == 0 ? NULL : "a second signal quits");
}

static void begin_drain(struct loop *loop, int number)
{
    struct daemon *daemon = loop->daemon;

    if (loop->ending != 0) {
        loop->at_once = true;
        return;
    }
    loop->ending = number;
    loop->drain_deadline_ms = clock_deadline_ms(daemon->terms->drain_timeout_ms);
    notify("STOPPING=1\nSTATUS=no new calls; waiting for the channels that are open");
    if (workers_stop(&daemon->workers))
        net_listeners_close(&daemon->listeners);
    registry_each(&daemon->registry, send_away, NULL);
    say_drain(daemon);
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

/* A child of ours was reaped; whether it is a helper. */
static void note_end(struct loop *loop, pid_t process)
{
    const struct daemon_hooks *hooks = loop->daemon->hooks;

    if (!loop->keeper_reaped && process == hooks->keeper->process) {
        loop->keeper_reaped = true;
        lose(loop, "keeper", ERR_KEEPER);
    } else if (!loop->lookup_reaped && process == hooks->lookup->process) {
        loop->lookup_reaped = true;
        lose(loop, "lookup", ERR_LOOKUP);
    }
}

static void reap_helper(struct loop *loop, const struct helper *helper, bool reaped)
{
    if (!reaped && helper->process > 0 && waitpid(helper->process, NULL, WNOHANG) > 0)
        note_end(loop, helper->process);
}

/* Reap what has ended. A program of --exec is waited for by its connection. */
static void reap(struct loop *loop)
{
    const struct daemon_hooks *hooks = loop->daemon->hooks;
    pid_t process;

    program_look(&loop->daemon->registry);
    reap_helper(loop, hooks->keeper, loop->keeper_reaped);
    reap_helper(loop, hooks->lookup, loop->lookup_reaped);
    while ((process = program_reap_other(&loop->daemon->registry)) > 0)
        note_end(loop, process);
}

/* One at a time; another one follows if it is wanted meanwhile. */
static void begin_reload(struct loop *loop)
{
    loop->reload_again = loop->reloads;
    if (loop->reloads)
        return;
    loop->reloads = true;
    notify_reloading();
    loop->daemon->hooks->reload_begin(loop->daemon);
}

static void step_reload(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;

    if (!loop->reloads || !daemon->hooks->reload_step(daemon, &loop->set))
        return;
    loop->reloads = false;
    notify_ready(daemon->listeners.text);
    if (loop->reload_again)
        begin_reload(loop);
}

static void answer_signals(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    int number;

    while (!loop->at_once && (number = signals_next()) != 0) {
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
    int64_t until_ms = refusals_due_ms(&daemon->refusals), due_ms;

    poll_set_clear(&loop->set);
    loop->signal_at = poll_set_add(&loop->set, loop->signal_fd, POLLIN);
    if (notify_again())
        until_ms = clock_deadline_ms(NOTIFY_AGAIN_MS);
    if (loop->ending != 0)
        until_ms = clock_deadline_ms(DRAIN_LOOK_MS);
    due_ms = loop->reloads ? daemon->hooks->reload_arm(daemon, &loop->set) : NEVER_MS;
    return due_ms < until_ms ? due_ms : until_ms;
}

/* Wait for a signal, a reload, or the end while it is near. What fails is logged. */
static enum kith_error attend(struct loop *loop)
{
    int64_t until_ms = arm(loop);

    if (!poll_set_wait(&loop->set, until_ms))
        return log_failure(LOG_ERROR, loop->daemon->hooks->what, loop->daemon->listeners.text,
                           ERR_SYSTEM, NULL, NULL);
    step_reload(loop);
    if (poll_set_is_ready(&loop->set, loop->signal_at))
        answer_signals(loop);
    refusals_sum_up(&loop->daemon->refusals, false);
    return OK;
}

/* Whether the end has come: no channel is left, or none may be waited for any longer. */
static bool is_over(const struct loop *loop)
{
    if (loop->ending == 0)
        return false;
    return loop->at_once || count_channels(loop->daemon) == 0 ||
           clock_now_ms() >= loop->drain_deadline_ms;
}

/* The limit on descriptors is raised, but not for programs, which would inherit it. */
static enum kith_error set_limits(struct daemon *daemon)
{
    const struct daemon_terms *terms = daemon->terms;
    struct registry_limits limits = {
        .connections = capacity_find((size_t)daemon->hooks->descriptors, !terms->starts_programs),
        .per_peer = terms->max_per_peer,
        .evicts = daemon->hooks->faces_network,
        .pending = terms->max_pending != 0 ? terms->max_pending : daemon->hooks->pending,
    };

    if (limits.connections == 0)
        return log_failure(LOG_ERROR, daemon->hooks->what, NULL, ERR_FEW_DESCRIPTORS, NULL, NULL);
    if (daemon->hooks->faces_network)
        capacity_set_apart(&limits.connections, (size_t)daemon->hooks->descriptors,
                           &limits.pending);
    if (terms->max_connections > limits.connections)
        capacity_say(daemon->hooks->what, limits.connections);
    else if (terms->max_connections != 0)
        limits.connections = terms->max_connections;
    if (limits.per_peer == 0)
        limits.per_peer = limits.connections;
    /* Neither one address nor one key takes the places of all. */
    limits.pending_per_source = (limits.pending + 1) / 2;
    limits.pending_per_peer = (limits.pending + 3) / 4;
    registry_init(&daemon->registry, &limits);
    return OK;
}

static void serve_call(void *context, struct connection *connection)
{
    struct daemon *daemon = context;

    daemon->hooks->run(daemon, connection);
}

static void wake(void)
{
    signals_note(0);
}

static bool prepare_workers(struct daemon *daemon)
{
    const struct workers_task task = {
        .what = daemon->hooks->what,
        .faces_network = daemon->hooks->faces_network,
        .listeners = &daemon->listeners,
        .registry = &daemon->registry,
        .refusals = &daemon->refusals,
        .run = serve_call,
        .context = daemon,
    };

    return workers_prepare(&daemon->workers, &task);
}

/* Whether a reload ended a channel that was open, for what would refuse a call. */
static bool was_ended(enum kith_error error)
{
    return error == ERR_REMOVED || error == ERR_PEER_EXPIRED || error == ERR_PEER_SOURCE ||
           error == ERR_PEER_TARGET;
}

static void summarise(const struct daemon *daemon, const struct registry_row *row,
                      enum kith_error error)
{
    const struct pump_result moved = {.sent = row->sent, .received = row->received};
    char who[WHO_TEXT_SIZE], how[128];

    who_format(who, row->name, row->key);
    (void)snprintf(how, sizeof(how), "%s%s", was_ended(error) ? "ended: " : "", error_text(error));
    stream_summarise(error == OK ? LOG_NOTE : LOG_ERROR, daemon->hooks->what, who, how,
                     row->address, &moved, row->opened_ms * 1000);
}

/* Say of a channel that is cut what its thread will not come to say. */
static void summarise_cut(const struct daemon *daemon, const struct registry_row *row)
{
    summarise(daemon, row, ERR_CUT_AT_END);
}

static void cut_channels(const struct loop *loop, size_t count)
{
    struct daemon *daemon = loop->daemon;
    char channels[40], why[128];

    format_channels(channels, sizeof(channels), count);
    (void)snprintf(why, sizeof(why), "%s: %s cut short",
                   loop->at_once ? "a second signal" : "--drain-timeout is over", channels);
    log_event(LOG_ERROR, daemon->hooks->what, daemon->listeners.text, why, NULL);
    tell_channels(daemon, true, summarise_cut);
    registry_each(&daemon->registry, program_abandon, NULL);
}

/* Let those who were sent away be gone, within a bound: whether there are none left. */
static bool await_leaving(struct daemon *daemon)
{
    int64_t deadline_ms = clock_deadline_ms(LEAVE_MS);
    struct registry_totals totals;

    registry_count(&daemon->registry, &totals);
    while (totals.count > 0 && clock_now_ms() < deadline_ms) {
        (void)poll(NULL, 0, DRAIN_LOOK_MS);
        registry_count(&daemon->registry, &totals);
    }
    return totals.count == 0;
}

/* The end, by its own or by a signal. */
static enum kith_error finish(struct loop *loop, enum kith_error error)
{
    struct daemon *daemon = loop->daemon;
    bool stopped = workers_stop(&daemon->workers);
    size_t channels = count_channels(daemon);

    if (channels > 0)
        cut_channels(loop, channels);
    daemon->is_in_use = channels > 0 || !await_leaving(daemon) || !stopped;
    refusals_sum_up(&daemon->refusals, true);
    poll_set_free(&loop->set);
    if (loop->lost != OK)
        return loop->lost;
    return channels > 0 && error == OK ? ERR_SIGNAL : error;
}

/* Open all that stays open, and find the limits beside it. */
static enum kith_error prepare(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;

    loop->signal_fd = signals_start();
    if (loop->signal_fd < 0 || poll_set_make(&loop->set, POLLED_MAX) != OK ||
        !prepare_workers(daemon))
        return log_failure(LOG_ERROR, daemon->hooks->what, daemon->listeners.text, ERR_SYSTEM, NULL,
                           NULL);
    notify_open();
    return set_limits(daemon);
}

enum kith_error daemon_run(struct daemon *daemon, const struct daemon_hooks *hooks,
                           const struct daemon_terms *terms)
{
    struct loop loop = {.daemon = daemon};
    enum kith_error error;

    daemon->hooks = hooks;
    daemon->terms = terms;
    refusals_init(&daemon->refusals, hooks->what, daemon->listeners.text, wake);
    memory_be_modest();
    error = prepare(&loop);
    if (error == OK)
        error = hooks->confine(daemon);
    if (error != OK) {
        poll_set_free(&loop.set);
        return error;
    }
    if (!workers_start(&daemon->workers)) {
        error = log_failure(LOG_ERROR, hooks->what, daemon->listeners.text, ERR_NO_THREAD,
                            strerror(errno), NULL);
        (void)workers_stop(&daemon->workers); /* those that there are look at the listeners */
        return error;
    }
    hooks->announce(daemon);
    notify_ready_fd(terms->ready_fd, daemon->listeners.text, false);
    notify_ready(daemon->listeners.text);
    while (error == OK && !is_over(&loop))
        error = attend(&loop);
    daemon->signal = loop.ending;
    return finish(&loop, error);
}

bool daemon_end(struct daemon *daemon, enum kith_error error)
{
    net_listeners_close(&daemon->listeners);
    if (error == ERR_SIGNAL)
        signals_end_by(daemon->signal);
    return !daemon->is_in_use;
}

static int64_t count_bytes(void *context, uint64_t sent, uint64_t received)
{
    struct connection *connection = context;

    atomic_store_explicit(&connection->sent, sent, memory_order_relaxed);
    atomic_store_explicit(&connection->received, received, memory_order_relaxed);
    return NEVER_MS;
}

enum kith_error daemon_join(struct daemon *daemon, struct connection *connection,
                            struct transport transport, struct session_keys *keys,
                            struct local_end *end)
{
    const struct pump_terms terms = {
        .idle_timeout_ms = daemon->terms->idle_timeout_ms,
        .progress = count_bytes,
        .progress_context = connection,
        .quiet = memory_rest_stack,
    };
    struct pump_result result;
    struct registry_row row;
    enum kith_error error =
        stream_run(transport, keys, daemon->terms->max_message_size, end, &terms, &result);

    (void)count_bytes(connection, result.sent, result.received);
    registry_describe(&row, connection);
    if (registry_conclude(&daemon->registry, connection, &error))
        summarise(daemon, &row, error);
    local_end_finish(end, error == OK);
    return error;
}
