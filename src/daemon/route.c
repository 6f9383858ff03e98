/*
 * Owns the way of a local connection to its peer. Must never let a local program take a broken
 * channel for an end.
 */
#include "daemon/route.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/refusals.h"
#include "daemon/carry.h"
#include "daemon/life.h"
#include "net/socket.h"

bool route_is_for(struct route *route, const uint8_t key[static KEY_SIZE])
{
    return peer_now_is(&route->peer, key, NULL);
}

static bool is_wanted(struct route *route, const struct kept *kept)
{
    return peer_now_is(&route->peer, kept->key, &kept->mark);
}

static enum kith_error say_gone(const struct route *route)
{
    log_event(LOG_ERROR, route->terms.daemon->terms->what, route->terms.peer,
              "not called: the peers file no longer says who and where it is",
              "once it does, send SIGHUP");
    return ERR_REMOVED;
}

static const char *say_limit(const struct route *route, char out[static REFUSALS_LIMIT_SIZE],
                             enum kith_error error)
{
    const struct connections_limits *limits = &route->terms.daemon->connections.limits;

    return refusals_say_limit(out, error, limits->most, limits->per_peer);
}

/*
 * Call the peer for a connection; what goes wrong is logged. The call itself is over by the end,
 * and does not take memory for as long as the channel is open.
 */
static enum kith_error call_for(struct route *route, struct connection *connection,
                                struct transport *transport, struct session_keys *keys)
{
    struct call call = {.transport = TRANSPORT_NONE};
    struct callee callee;
    char limit[REFUSALS_LIMIT_SIZE];
    enum kith_error error;

    if (!peer_now_copy(&route->peer, &callee))
        return say_gone(route);
    error = call_peer(&call, route->terms.calls, KIND_PLAIN, &callee, false);
    connection->mark = callee.mark;
    if (error == OK)
        error = connections_open(&route->terms.daemon->connections, connection, callee.key,
                                 callee.name, &call.transport);
    if (error == OK && !peer_now_is(&route->peer, callee.key,
                                    &callee.mark)) /* a reload did not see this channel */
        error = ERR_REMOVED;
    if (error == OK) {
        *keys = call.io.keys;
        *transport = call.transport;
        call.transport = TRANSPORT_NONE;
    } else {
        if (error == ERR_TOO_MANY)
            (void)problem_say(&call.problem, "%s", say_limit(route, limit, error));
        (void)call_log_failure(&call, error, &callee, route->terms.daemon->terms->what, LOG_ERROR);
        connections_detach(&route->terms.daemon->connections, connection);
    }
    callee_end(&callee);
    call_end(&call);
    return error;
}

static enum kith_error say_failure(const struct route *route, enum kith_error error,
                                   const char *detail)
{
    bool unnamed = error == ERR_REFUSED_TARGET && route->terms.target[0] == '\0';

    return log_failure(LOG_ERROR, route->terms.daemon->terms->what, route->terms.peer, error,
                       detail,
                       unnamed ? "no target was asked for by name: PEER:NAME does that" : NULL);
}

static enum kith_error say_too_many(const struct route *route)
{
    char limit[REFUSALS_LIMIT_SIZE];

    return say_failure(route, ERR_TOO_MANY, say_limit(route, limit, ERR_TOO_MANY));
}

/* Whether a reload has changed who the peer is, which did not see this channel. */
static bool was_overlooked(struct route *route, struct connection *connection,
                           const struct kept *kept)
{
    if (is_wanted(route, kept))
        return false;
    carry_nothing(route->terms.daemon, connection,
                  route_is_for(route, kept->key) ? ERR_OTHER_NAMESPACE : ERR_REMOVED);
    return true;
}

/* Carry a connection on a channel that its peer has accepted it on. Whether that lives on. */
static bool carry(struct route *route, struct connection *connection, struct kept *kept,
                  struct local_end *end)
{
    struct connections *connections = &route->terms.daemon->connections;
    char name[NAME_SIZE];
    enum kith_error error;

    connection->mark = kept->mark;
    connection->called_from = kept->from;
    (void)peer_now_say(&route->peer, NULL, name);
    error = connections_open(connections, connection, kept->key, name, &kept->link.transport);
    if (error == ERR_TOO_MANY)
        (void)say_too_many(route);
    if (error == OK && was_overlooked(route, connection, kept))
        error = ERR_REMOVED;
    if (error == OK && (error = kept_begin(kept)) != OK)
        (void)say_failure(route, error, NULL);
    if (error == OK)
        error = carry_kept(route->terms.daemon, connection, &kept->link, end);
    connections_detach(connections, connection);
    if (error == OK)
        link_end_stream(&kept->link);
    kept->was_used = kept->was_used || error == OK;
    return error == OK;
}

/* A channel lives on. */
static void give_back(struct route *route, struct kept *kept)
{
    if (route->terms.exchange != NULL)
        exchange_give(route->terms.exchange, kept);
    else
        opener_give(&route->channels.opener, kept);
}

/* A local connection on the channel that has answered so, or not: what it is left with. */
static void run_on(struct route *route, struct connection *connection, struct kept *kept,
                   enum kith_error error)
{
    struct local_end end = local_end_socket(connection->came.in);

    if (error == OK && carry(route, connection, kept, &end)) {
        give_back(route, kept);
        return;
    }
    local_end_finish(&end, false);          /* fine twice */
    if (kept_refusal(error) != NOT_REFUSED) /* which may be asked again */
        give_back(route, kept);
    else
        kept_give_up(kept);
    if (error != OK && error != ERR_LINK_LOST && error != ERR_REMOVED && error != ERR_STOPPING)
        (void)say_failure(route, error, NULL); /* the others were said */
}

/* A local connection on one of the channels that are kept. */
static void run_kept(struct route *route, struct connection *connection)
{
    struct kept *kept = connection->kept;
    enum kith_error error = ERR_REMOVED;

    connection->kept = NULL;
    if (kept != NULL && !is_wanted(route, kept)) { /* a reload did not see this channel */
        kept_drop(kept);
        kept = NULL;
    }
    if (peer_now_say(&route->peer, NULL, NULL))
        error = channels_obtain(&route->channels, &kept);
    if ((error == ERR_LINK_LOST || error == ERR_REMOVED) && !peer_now_say(&route->peer, NULL, NULL))
        (void)say_gone(route);
    run_on(route, connection, kept, error);
}

/* A local connection on a channel of a peer that has called; it waits for another in its place. */
static enum stay run_called(struct route *route, struct connection *connection)
{
    struct kept *kept = connection->kept;
    enum kith_error error = exchange_hear(connection);

    if (error == ERR_LINK_LOST) {
        kept_drop(kept);
        kept = connection->kept = NULL;
    }
    if (error == ERR_LINK_LOST || error == ERR_NO_ANSWER) {
        enum kith_error back = exchange_send_back(route->terms.exchange, connection);

        if (back == OK)
            return STAY_PARKED;
        if (back == ERR_STOPPING)
            error = back;
    }
    connection->kept = NULL;
    run_on(route, connection, kept, error);
    return STAY_OVER;
}

/* A local connection on a channel of its own. */
static void run_plain(struct route *route, struct connection *connection)
{
    struct connections *connections = &route->terms.daemon->connections;
    struct local_end end = local_end_socket(connection->came.in);
    struct session_keys keys;
    struct transport transport;

    if (call_for(route, connection, &transport, &keys) != OK) {
        local_end_finish(&end, false);
        return;
    }
    (void)carry_alone(route->terms.daemon, connection, transport, &keys, &end);
    connections_detach(connections, connection);
    transport_close(&transport);
}

enum stay route_run(struct connection *connection)
{
    struct route *route = connection->part->context;

    if (route->terms.exchange != NULL)
        return run_called(route, connection);
    if (route->terms.plain)
        run_plain(route, connection);
    else
        run_kept(route, connection);
    return STAY_OVER;
}

bool route_whom(const struct connection *connection, uint8_t key[static KEY_SIZE],
                const char **target)
{
    struct route *route = connection->part->context;

    *target = route->terms.target;
    return peer_now_say(&route->peer, key, NULL);
}

void route_begin(struct route *route, const struct route_terms *terms, const struct callee *callee)
{
    const struct channels_terms channels = {
        .calls = terms->calls,
        .peer = terms->peer,
        .target = terms->target,
        .daemon = terms->daemon,
        .callee = &route->peer,
    };

    *route = (struct route){.terms = *terms, .part = {.context = route, .target = terms->target}};
    peer_now_begin(&route->peer, callee);
    acceptance_begin(&route->acceptance, terms->daemon->terms->what, terms->listeners);
    channels_begin(&route->channels, &channels, &terms->kept);
}

int64_t route_arm(struct route *route, struct poll_set *set)
{
    int64_t due_ms = NEVER_MS;

    route->takes = connections_have_room(&route->terms.daemon->connections);
    if (route->takes)
        due_ms = acceptance_arm(&route->acceptance, set);
    due_ms = clock_earlier(due_ms, attendance_due_ms(&route->attendance));
    return clock_earlier(due_ms, opener_arm(&route->channels.opener, set));
}

/* Say if the peer that calls us has come, or is lost. */
static void note_attendance(struct route *route)
{
    const char *what = route->terms.daemon->terms->what, *peer = route->terms.peer;
    bool there = exchange_count(route->terms.exchange, route->peer.callee.key) > 0;

    switch (attendance_note(&route->attendance, there, clock_now_ms())) {
    case NEWS_CAME:
        log_event(LOG_NOTE, what, peer, "the peer has called", NULL);
        break;
    case NEWS_LOST:
        log_event(LOG_ERROR, what, peer, "the peer is lost: it has no channel here any more",
                  "it calls again by itself, once it can");
        break;
    case NEWS_CAME_BACK:
        log_event(LOG_NOTE, what, peer, "the peer is there again", NULL);
        break;
    case NEWS_NONE:
        break;
    }
}

void route_step(struct route *route, const struct poll_set *set)
{
    if (route->terms.exchange != NULL)
        note_attendance(route);
    opener_step(&route->channels.opener, set);
}

/* A local program that gets no connection sees a reset. */
static void turn_away(struct route *route, int fd, const struct endpoint *from,
                      enum kith_error error)
{
    struct daemon *daemon = route->terms.daemon;
    char limit[REFUSALS_LIMIT_SIZE];

    refusals_add_unheard(&daemon->refusals, from, error, say_limit(route, limit, error));
    (void)close(fd);
}

/* Have what was accepted there run, on a channel that is idle if there is one. */
static void begin_connection(struct route *route, int fd, const struct endpoint *from)
{
    struct daemon *daemon = route->terms.daemon;
    enum kith_error error = OK;
    struct connection *connection =
        connections_add(&daemon->connections, transport_socket(fd), from, &error);

    if (connection == NULL) {
        turn_away(route, fd, from, error);
        return;
    }
    connection->part = &route->part;
    if (route->terms.exchange != NULL) {
        exchange_serve(route->terms.exchange, connection);
        return;
    }
    connection->kept =
        opener_take(&route->channels.opener, route->peer.callee.key, route->terms.target);
    life_begin(daemon, connection);
}

bool route_accept(struct route *route, const struct poll_set *set)
{
    struct endpoint from;
    int fd;

    while (route->takes) {
        enum accepted accepted = acceptance_take(&route->acceptance, set, &fd, &from);

        if (accepted != ACCEPTED)
            return accepted != ACCEPTED_NEVER;
        socket_reset_on_close(fd, true); /* until something was carried: that is no end */
        begin_connection(route, fd, &from);
        route->takes = connections_have_room(&route->terms.daemon->connections);
    }
    return true;
}

/*
 * A visit: end what goes to a key that is no longer the peer's, or under another namespace. An
 * address may go or change.
 */
static void end_if_other(struct connection *connection, void *context)
{
    const struct route *route = context;

    if (connection->part != &route->part || !connection->is_open)
        return;
    if (memcmp(connection->key, route->peer.callee.key, KEY_SIZE) != 0)
        connection_end(connection, ERR_REMOVED);
    else if (!namespace_mark_equals(&connection->mark, &route->peer.callee.mark))
        connection_end(connection, ERR_OTHER_NAMESPACE);
}

bool route_move(struct route *route, const struct callee *callee, bool gone)
{
    bool other = memcmp(route->peer.callee.key, callee->key, KEY_SIZE) != 0;
    bool moved = peer_now_move(&route->peer, callee, gone);

    connections_each(&route->terms.daemon->connections, end_if_other, route);
    if (other || gone) {
        route->attendance = (struct attendance){.was_there = false};
        calling_forget(&route->channels.calling);
    }
    opener_end_unwanted(&route->channels.opener, moved || gone);
    return other || moved;
}

void route_end(struct route *route)
{
    route->takes = false;
    opener_end(&route->channels.opener);
}
