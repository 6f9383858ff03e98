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
    bool keeper_reaped;
    bool keeper_lost; /* before the end */
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

/* Reap the keeper, or what else has ended and is nobody's. Its number, or 0. */
static pid_t reap_one(struct loop *loop)
{
    pid_t keeper = loop->daemon->hooks->keeper->process;

    if (!loop->keeper_reaped && waitpid(keeper, NULL, WNOHANG) == keeper)
        return keeper;
    return program_reap_other(&loop->daemon->registry);
}

/*
 * Reap what has ended. A program of --exec is waited for by its connection; without the keeper,
 * the channels that are open can still finish, but no other one can be made.
 */
static void reap(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    pid_t process;

    program_look(&daemon->registry);
    while ((process = reap_one(loop)) > 0) {
        if (loop->keeper_reaped || process != daemon->hooks->keeper->process)
            continue;
        loop->keeper_reaped = true;
        if (loop->ending == 0) {
            (void)log_failure(LOG_ERROR, "keeper", NULL, ERR_KEEPER, NULL, "it has ended");
            loop->keeper_lost = true;
            begin_drain(loop, SIGTERM);
        }
    }
}

static void answer_signals(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;
    int number;

    while (!loop->at_once && (number = signals_next()) != 0) {
        switch (number) {
        case SIGHUP:
            notify_reloading();
            daemon->hooks->reload(daemon);
            notify_ready(daemon->listeners.text);
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

/* Wait for a signal, and for the end while it is near. What fails is logged. */
static enum kith_error attend(struct loop *loop)
{
    struct pollfd wait = {.fd = loop->signal_fd, .events = POLLIN};
    struct refusals *refusals = &loop->daemon->refusals;
    int timeout = clock_poll_timeout(refusals_due_ms(refusals));

    if (notify_again())
        timeout = NOTIFY_AGAIN_MS;
    if (loop->ending != 0)
        timeout = DRAIN_LOOK_MS;
    if (poll(&wait, 1, timeout) < 0)
        return errno == EINTR ? OK
                              : log_failure(LOG_ERROR, loop->daemon->hooks->what,
                                            loop->daemon->listeners.text, ERR_SYSTEM, NULL, NULL);
    if (wait.revents != 0)
        answer_signals(loop);
    refusals_sum_up(refusals, false);
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

/* --max-connections is more than can be had. */
static void say_capacity(const struct daemon *daemon, size_t most)
{
    char why[96];

    (void)snprintf(why, sizeof(why), "there are descriptors for %zu connections only", most);
    log_event(LOG_NOTE, daemon->hooks->what, "--max-connections", why, "see ulimit -n");
}

/*
 * Callers whose handshake is not done have places of their own, never more than half of what there
 * is, with one descriptor each: they do not take those of channels.
 */
static void set_apart_callers(struct registry_limits *limits, size_t descriptors)
{
    size_t taken;

    if (limits->pending > limits->connections / 2)
        limits->pending = limits->connections < 2 ? 1 : limits->connections / 2;
    taken = (limits->pending + descriptors - 1) / descriptors;
    if (taken < limits->connections)
        limits->connections -= taken;
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
        set_apart_callers(&limits, (size_t)daemon->hooks->descriptors);
    if (terms->max_connections > limits.connections)
        say_capacity(daemon, limits.connections);
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

/* Have the main thread look again. */
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

/* Not all channels could be waited for. */
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
    if (loop->keeper_lost)
        return ERR_KEEPER;
    return channels > 0 && error == OK ? ERR_SIGNAL : error;
}

/* Open all that stays open, and find the limits beside it. */
static enum kith_error prepare(struct loop *loop)
{
    struct daemon *daemon = loop->daemon;

    loop->signal_fd = signals_start();
    if (loop->signal_fd < 0 || !prepare_workers(daemon))
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
    if (error != OK)
        return error;
    hooks->confine(daemon);
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
