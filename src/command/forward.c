/*
 * Owns the forward command: each local connection is carried to a peer through a channel of its
 * own. Must never let a local program take a broken channel for an end.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "calls/call.h"
#include "command/commands.h"
#include "command/setup.h"
#include "daemon/daemon.h"
#include "net/acceptance.h"
#include "net/socket.h"
#include "system/signals.h"

struct forward {
    struct setup setup;
    pthread_mutex_t lock;
    struct callee callee; /* under the lock: a reload changes it */
    bool gone;            /* the peers file no longer says who and where it is */
    struct callee fresh;  /* of a reload that is under way, and whether it is gone */
    bool fresh_gone;
    struct acceptance acceptance;
    bool takes; /* what waits there: there is room for it */
    struct daemon daemon;
};

static bool current_callee(struct forward *forward, struct callee *callee)
{
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

    if (!current_callee(forward, &callee)) {
        log_event(LOG_ERROR, "forward", forward->setup.options->arguments[1],
                  "not called: the peers file no longer says who and where it is",
                  "once it does, send SIGHUP");
        return ERR_REMOVED;
    }
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

static void forward_connection(struct daemon *daemon, struct connection *connection)
{
    struct forward *forward = daemon->hooks->context;
    struct local_end end = local_end_socket(connection->fd);
    struct session_keys keys;
    struct transport transport;

    if (call_for(forward, connection, &transport, &keys) == OK) {
        (void)daemon_join(daemon, connection, transport, &keys, &end);
        connections_detach(&daemon->connections, connection);
        transport_close(&transport);
    } else {
        local_end_finish(&end, false);
    }
}

static int64_t arm(struct daemon *daemon, struct poll_set *set)
{
    struct forward *forward = daemon->hooks->context;

    forward->takes = connections_have_room(&daemon->connections);
    return forward->takes ? acceptance_arm(&forward->acceptance, set) : NEVER_MS;
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

    while (forward->takes && accepted == ACCEPTED) {
        enum kith_error error = OK;
        struct connection *connection;

        accepted = acceptance_take(&forward->acceptance, set, &fd, &from);
        if (accepted != ACCEPTED)
            break;
        connection = connections_add(&daemon->connections, fd, &from, &error);
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

    if (!good) {
        log_event(LOG_ERROR, "forward", peer, "the peer stays as it was", NULL);
        return;
    }
    (void)pthread_mutex_lock(&forward->lock);
    forward->gone = forward->fresh_gone;
    forward->callee = forward->fresh;
    (void)pthread_mutex_unlock(&forward->lock);
    connections_each(&daemon->connections, end_if_other, forward);
    setup_report_reload(&forward->setup, "forward", peer);
    if (forward->gone)
        log_event(LOG_NOTE, "forward", peer, "called no longer", NULL);
}

/* A peer by name may have another address after a reload. */
static enum kith_error begin_forward(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;
    bool may_move = forward->setup.directory.read;
    const struct sandbox_needs needs = {
        .connects = true,
        .port = may_move ? 0 : (uint16_t)strtoul(forward->callee.address.port, NULL, 10),
        .binds = forward->setup.options->source != NULL,
        .removes = daemon->listeners.made.path[0] != '\0' ? daemon->listeners.made.path : NULL,
    };
    enum kith_error error = setup_start_lookup(&forward->setup);

    acceptance_begin(&forward->acceptance, "forward", &daemon->listeners);
    if (error != OK)
        return error;
    setup_confine(SANDBOX_DAEMON, &needs);
    return OK;
}

static void announce(struct daemon *daemon)
{
    struct forward *forward = daemon->hooks->context;
    char who[PEER_TEXT_SIZE], at[ADDRESS_TEXT_SIZE], line[PEER_TEXT_SIZE + ADDRESS_TEXT_SIZE + 64];

    peer_format(who, forward->callee.name, forward->callee.key);
    address_format(at, &forward->callee.address);
    (void)snprintf(line, sizeof(line), "each connection is carried to %s at %s", who, at);
    log_event(LOG_NOTE, "forward", daemon->listeners.text, line, NULL);
    setup_warn_of_path("forward", daemon->listeners.text);
}

static enum kith_error prepare(struct forward *forward, const struct options *options)
{
    struct address asked;
    enum kith_error error;

    error = setup_parse_address(&asked, "forward", options->arguments[0], ADDRESS_LOCAL);
    if (error != OK)
        return error;
    error = setup_begin(&forward->setup, options, options->arguments[1], KIND_SET(KIND_PLAIN));
    if (error == OK)
        error = setup_choose_callee(&forward->setup, &forward->callee);
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
    const struct daemon_hooks hooks = {
        .what = "forward",
        .descriptors = descriptors_each(&forward.daemon.listeners),
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
        .reload = &forward.setup.reload,
        .look_again = look_again,
        .take_again = take_again,
    };
    const struct daemon_terms terms = setup_daemon_terms(options);

    if (error == OK)
        error = daemon_run(&forward.daemon, &hooks, &terms);
    if (daemon_end(&forward.daemon, error))
        setup_end(&forward.setup);
    return error;
}
