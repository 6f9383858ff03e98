/*
 * Owns the forward command: each local connection is carried to a peer through a channel of its
 * own. Must never let a local program take a broken channel for an end.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/call.h"
#include "command/commands.h"
#include "command/setup.h"
#include "daemon/carry.h"
#include "daemon/channels.h"
#include "daemon/daemon.h"
#include "net/acceptance.h"
#include "net/socket.h"
#include "system/signals.h"

#define LOOK_MS 1000 /* between two looks at what was given back, while there are connections */

struct forward {
    struct setup setup;
    pthread_mutex_t lock;
    struct callee callee; /* under the lock: a reload changes it */
    bool gone;            /* the peers file no longer says who and where it is */
    struct callee fresh;  /* of a reload that is under way, and whether it is gone */
    bool fresh_gone;
    char target[TARGET_NAME_SIZE]; /* that is asked for there, by its name; or empty */
    struct acceptance acceptance;
    bool takes;               /* what waits there: there is room for it */
    struct channels channels; /* unless --plain wants one for each connection */
    struct daemon daemon;
};

static bool current_callee(void *context, struct callee *callee)
{
    struct forward *forward = context;
    bool there;

    (void)pthread_mutex_lock(&forward->lock);
    *callee = forward->callee;
    there = !forward->gone;
    (void)pthread_mutex_unlock(&forward->lock);
    return there;
}

static bool is_current(struct forward *forward, const uint8_t key[static KEY_SIZE])
{
    struct callee callee;

    return current_callee(forward, &callee) && memcmp(callee.key, key, KEY_SIZE) == 0;
}

static enum kith_error say_gone(const struct forward *forward)
{
    log_event(LOG_ERROR, "forward", forward->setup.options->arguments[1],
              "not called: the peers file no longer says who and where it is",
              "once it does, send SIGHUP");
    return ERR_REMOVED;
}

/*
 * Call the peer for a connection; what goes wrong is logged. The call itself is over by the end,
 * and does not take memory for as long as the channel is open.
 */
static enum kith_error call_for(struct forward *forward, struct connection *connection,
                                struct transport *transport, struct session_keys *keys)
{
    struct call call = {.transport = TRANSPORT_NONE};
    struct callee callee;
    char most[REFUSALS_MOST_SIZE];
    enum kith_error error;

    if (!current_callee(forward, &callee))
        return say_gone(forward);
    error = call_peer(&call, &forward->setup.calls, KIND_PLAIN, &callee, false);
    if (error == OK)
        error = connections_open(&forward->daemon.connections, connection, callee.key, callee.name,
                                 call.transport.out);
    if (error == OK && !is_current(forward, callee.key)) /* a reload did not see this channel */
        error = ERR_REMOVED;
    if (error == OK) {
        *keys = call.io.keys;
        *transport = call.transport;
        call.transport = TRANSPORT_NONE;
    } else {
        if (error == ERR_TOO_MANY) {
            refusals_say_most(most, forward->daemon.connections.limits.per_peer);
            call.why = most;
        }
        (void)call_log_failure(&call, error, &callee, "forward", LOG_ERROR);
        connections_detach(&forward->daemon.connections, connection);
    }
    call_end(&call);
    return error;
}

static enum kith_error say_failure(const struct forward *forward, enum kith_error error,
                                   const char *detail)
{
    return log_failure(LOG_ERROR, "forward", forward->setup.options->arguments[1], error, detail,
                       NULL);
}

static enum kith_error say_too_many(const struct forward *forward)
{
    char most[REFUSALS_MOST_SIZE];

    refusals_say_most(most, forward->daemon.connections.limits.per_peer);
    return say_failure(forward, ERR_TOO_MANY, most);
}

/* Carry a connection on a channel that its peer has accepted it on. Whether that lives on. */
static bool carry(struct forward *forward, struct connection *connection, struct kept *kept,
                  struct local_end *end)
{
    struct connections *connections = &forward->daemon.connections;
    struct callee callee;
    enum kith_error error;

    if (!current_callee(forward, &callee) || memcmp(callee.key, kept->key, KEY_SIZE) != 0)
        return false; /* a reload did not see this channel */
    error = connections_open(connections, connection, callee.key, callee.name,
                             kept->link.transport.out);
    if (error == ERR_TOO_MANY)
        (void)say_too_many(forward);
    if (error == OK && (error = kept_begin(kept)) != OK)
        (void)say_failure(forward, error, NULL);
    if (error == OK)
        error = carry_kept(&forward->daemon, connection, &kept->link, end);
    connections_detach(connections, connection);
    if (error == OK)
        link_rest(&kept->link);
    kept->was_used = kept->was_used || error == OK;
    return error == OK;
}

/* Whether the peer has said no, and may be asked again. */
static bool is_refusal(enum kith_error error)
{
    return error == ERR_REFUSED_TARGET || error == ERR_REFUSED_UNREACHED ||
           error == ERR_REFUSED_ROOM;
}

/* A local connection on one of the channels that are kept. */
static void forward_kept(struct forward *forward, struct connection *connection)
{
    struct local_end end = local_end_socket(connection->fd);
    struct kept *kept = connection->kept;
    struct callee callee;
    enum kith_error error = ERR_REMOVED;

    connection->kept = NULL;
    if (kept != NULL && !is_current(forward, kept->key)) { /* a reload did not see this channel */
        kept_drop(kept);
        kept = NULL;
    }
    if (current_callee(forward, &callee))
        error = channels_obtain(&forward->channels, &kept);
    else
        (void)say_gone(forward);
    if (error == OK && carry(forward, connection, kept, &end)) {
        opener_give(&forward->channels.opener, kept);
        return;
    }
    local_end_finish(&end, false); /* fine twice */
    if (is_refusal(error))
        opener_give(&forward->channels.opener, kept);
    else
        channels_give_up(kept);
    if (error != OK && error != ERR_LINK_LOST && error != ERR_REMOVED) /* which were said */
        (void)say_failure(forward, error, NULL);
}

static enum stay forward_connection(struct daemon *daemon, struct connection *connection)
{
    struct forward *forward = daemon->hooks->context;
    struct session_keys keys;
    struct transport transport;
    struct local_end end;

    if (!forward->setup.options->plain) {
        forward_kept(forward, connection);
        return STAY_OVER;
    }
    end = local_end_socket(connection->fd);

    if (call_for(forward, connection, &transport, &keys) == OK) {
        (void)carry_alone(daemon, connection, transport, &keys, &end);
        connections_detach(&daemon->connections, connection);
        transport_close(&transport);
    } else {
        local_end_finish(&end, false);
    }
    return STAY_OVER;
}

/* The channels that are idle. Those that threads give back are looked for: to say so takes time. */
static int64_t arm_kept(struct forward *forward, struct poll_set *set)
{
    int64_t due_ms = opener_arm(&forward->channels.opener, set);
    struct connections_totals totals;

    connections_count(&forward->daemon.connections, &totals);
    return totals.count == 0 ? due_ms : clock_earlier(due_ms, clock_deadline_ms(LOOK_MS));
}

static int64_t arm(struct daemon *daemon, struct poll_set *set)
{
    struct forward *forward = daemon->hooks->context;
    int64_t due_ms = NEVER_MS;

    forward->takes = connections_have_room(&daemon->connections);
    if (forward->takes)
        due_ms = acceptance_arm(&forward->acceptance, set);
    return forward->setup.options->plain ? due_ms : clock_earlier(due_ms, arm_kept(forward, set));
}

/* A local program that gets no connection sees a reset. */
static void turn_away(struct forward *forward, int fd, const struct endpoint *from,
                      enum kith_error error)
{
    char most[REFUSALS_MOST_SIZE];

    refusals_say_most(most, forward->daemon.connections.limits.most);
    refusals_add_unheard(&forward->daemon.refusals, from, error,
                         error == ERR_NO_PLACE ? most : NULL);
    socket_reset_on_close(fd, true);
    (void)close(fd);
}

static bool step(struct daemon *daemon, const struct poll_set *set)
{
    struct forward *forward = daemon->hooks->context;
    enum accepted accepted = ACCEPTED;
    struct endpoint from;
    int fd;

    if (!forward->setup.options->plain)
        opener_step(&forward->channels.opener, set);
    while (forward->takes && accepted == ACCEPTED) {
        enum kith_error error = OK;
        struct connection *connection;

        accepted = acceptance_take(&forward->acceptance, set, &fd, &from);
        if (accepted != ACCEPTED)
            break;
        connection = connections_add(&daemon->connections, fd, &from, &error);
        if (connection != NULL && !forward->setup.options->plain)
            connection->kept = opener_take(&forward->channels.opener, forward->target);
        if (connection != NULL)
            daemon_begin(daemon, connection);
        else
            turn_away(forward, fd, &from, error);
        forward->takes = connections_have_room(&daemon->connections);
    }
    return accepted != ACCEPTED_NEVER;
}

static size_t waiting(struct daemon *daemon)
{
    struct connections_totals totals;

    connections_count(&daemon->connections, &totals);
    return totals.pending;
}

/* Nobody waits but in the backlog. */
static void stop_accepting(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;

    forward->takes = false;
    if (!forward->setup.options->plain)
        opener_end(&forward->channels.opener);
}

/* A visit: end what goes to a key that is no longer the peer's. An address may go or change. */
static void end_if_other(struct connection *connection, void *context)
{
    const struct forward *forward = context;

    if (connection->is_open && memcmp(connection->key, forward->callee.key, KEY_SIZE) != 0)
        connection_end(connection, ERR_REMOVED);
}

/* Look who is called now. */
static bool look_again(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;

    forward->fresh = (struct callee){.name = ""};
    return setup_find_again(&forward->setup, &forward->fresh, &forward->fresh_gone) == OK;
}

static void take_again(struct daemon *daemon, bool good)
{
    struct forward *forward = daemon->hooks->context;
    const char *peer = forward->setup.options->arguments[1];
    bool moved;

    if (!good) {
        log_event(LOG_ERROR, "forward", peer, "the peer stays as it was", NULL);
        return;
    }
    moved = !address_equals(&forward->callee.address, &forward->fresh.address);
    (void)pthread_mutex_lock(&forward->lock);
    forward->gone = forward->fresh_gone;
    forward->callee = forward->fresh;
    (void)pthread_mutex_unlock(&forward->lock);
    connections_each(&daemon->connections, end_if_other, forward);
    if (!forward->setup.options->plain)
        opener_end_others(&forward->channels.opener,
                          moved || forward->gone ? NULL : forward->callee.key);
    setup_report_reload(&forward->setup, "forward", peer);
    if (forward->gone)
        log_event(LOG_NOTE, "forward", peer, "called no longer", NULL);
}

static void wake(void)
{
    signals_note(0);
}

/* Whether the first channel was made. */
static bool is_up(struct daemon *daemon)
{
    const struct forward *forward = daemon->hooks->context;

    return forward->channels.up;
}

/* A peer by name may have another address after a reload. */
static enum kith_error begin_forward(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;
    bool may_move = forward->setup.directory.read;
    const uint16_t port = (uint16_t)strtoul(forward->callee.address.port, NULL, 10);
    const struct sandbox_needs needs = {
        .connects = true,
        .ports = &port,
        .port_count = may_move ? 0 : 1,
        .binds = forward->setup.options->source != NULL,
        .removes = daemon->listeners.made.path[0] != '\0' ? daemon->listeners.made.path : NULL,
    };
    enum kith_error error = setup_start_lookup(&forward->setup);
    const struct options *options = forward->setup.options;
    const struct channels_terms terms = {
        .calls = &forward->setup.calls,
        .peer = options->arguments[1],
        .target = forward->target,
        .max_message_size = options->max_message_size,
        .threads = &daemon->threads,
        .callee = current_callee,
        .wake = wake,
        .context = forward,
    };
    const struct opener_terms kept = {
        .spare = options->spare,
        .most = options->keep,
        .keep_time_ms = options->keep_time_ms,
        .age_ms = options->channel_age_ms,
        .ping_ms = options->ping_ms,
    };

    channels_begin(&forward->channels, &terms, &kept);
    acceptance_begin(&forward->acceptance, "forward", &daemon->listeners);
    if (error != OK)
        return error;
    setup_confine(SANDBOX_DAEMON, &needs);
    return OK;
}

static void announce(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;
    const char *target = forward->target;
    char who[PEER_TEXT_SIZE], at[ADDRESS_TEXT_SIZE];
    char line[PEER_TEXT_SIZE + ADDRESS_TEXT_SIZE + TARGET_NAME_SIZE + 64];

    peer_format(who, forward->callee.name, forward->callee.key);
    address_format(at, &forward->callee.address);
    (void)snprintf(line, sizeof(line), "each connection is carried to %s%s%s at %s", target,
                   target[0] != '\0' ? " of " : "", who, at);
    log_event(LOG_NOTE, "forward", daemon->listeners.text, line, NULL);
    setup_warn_of_path("forward", daemon->listeners.text);
}

/* A channel for one connection leads to the target without a name, and to no other. */
static enum kith_error take_target(struct forward *forward)
{
    memcpy(forward->target, forward->callee.target, TARGET_NAME_SIZE);
    if (!forward->setup.options->plain || forward->target[0] == '\0')
        return OK;
    return log_failure(LOG_ERROR, "forward", "--plain", ERR_USAGE, "excludes a target by its name",
                       NULL);
}

static enum kith_error prepare(struct forward *forward, const struct options *options)
{
    struct address asked;
    enum kith_error error;

    error = setup_parse_address(&asked, "forward", options->arguments[0], ADDRESS_LOCAL);
    if (error != OK)
        return error;
    error = setup_begin(&forward->setup, options, options->arguments[1],
                        KIND_SET(options->plain ? KIND_PLAIN : KIND_KEPT));
    if (error == OK)
        error = setup_choose_callee(&forward->setup, &forward->callee);
    if (error == OK)
        error = take_target(forward);
    if (error == OK)
        error = setup_take_listeners("forward", &forward->daemon.listeners);
    if (error == OK)
        error = setup_listen(&forward->setup, "forward", &asked, LISTEN_LOOPBACK,
                             &forward->daemon.listeners);
    return error;
}

/* How many descriptors a connection takes: one more at a UNIX socket, ours or passed
 * (stream/hold.h). */
static int descriptors_each(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (socket_is_unix(listeners->fds[i]))
            return 3;
    }
    return 2;
}

enum kith_error command_forward(const struct options *options)
{
    static struct forward forward = {.lock = PTHREAD_MUTEX_INITIALIZER};
    enum kith_error error = prepare(&forward, options);
    static struct daemon_hooks hooks; /* as the terms: for threads that are left at the end */
    static struct daemon_terms terms;

    hooks = (struct daemon_hooks){
        .what = "forward",
        .descriptors = descriptors_each(&forward.daemon.listeners),
        .descriptors_beside = options->plain ? 0 : 2 * (options->keep + options->spare),
        .pending = 128,
        .keeper = &forward.setup.keeper.helper,
        .lookup = &forward.setup.lookup,
        .context = &forward,
        .begin = begin_forward,
        .announce = announce,
        .arm = arm,
        .step = step,
        .waiting = waiting,
        .stop = stop_accepting,
        .run = forward_connection,
        .is_up = options->plain || options->spare == 0 || options->ready_on_listen ? NULL : is_up,
        .reload = &forward.setup.reload,
        .look_again = look_again,
        .take_again = take_again,
    };
    terms = setup_daemon_terms(options);
    if (error == OK)
        error = daemon_run(&forward.daemon, &hooks, &terms);
    if (daemon_end(&forward.daemon, error))
        setup_end(&forward.setup);
    return error;
}
