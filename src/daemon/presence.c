/*
 * Owns when serve calls its peer. Must never call more often than the channels are of use there,
 * nor have one that its peer may not use.
 */
#include "daemon/presence.h"

#include "base/clock.h"
#include "daemon/life.h"
#include "system/signals.h"

static bool current_callee(struct presence *presence, struct callee *callee)
{
    return !presence->is_over && peer_now_copy(&presence->peer, callee);
}

/* Of the calls: whether a channel says that the peer is there. */
static bool has_channel(void *context)
{
    struct presence *presence = context;
    struct connections_totals totals;

    connections_count(&presence->terms.daemon->connections, &totals);
    return totals.count > totals.leaving;
}

/* A connection for a channel that was made there; what is wrong is logged. */
static struct connection *list(struct presence *presence, struct kept *kept,
                               const struct endpoint *from)
{
    struct daemon *daemon = presence->terms.daemon;
    struct connections *connections = &daemon->connections;
    struct connection *connection = NULL;
    struct callee callee = {.name = ""};
    char name[NAME_SIZE];
    enum kith_error error = presence->terms.admit(presence->terms.context, kept, from);

    if (error == OK && !current_callee(presence, &callee)) /* a reload did not see this one */
        error = ERR_REMOVED;
    if (error == OK)
        connection = connections_add(connections, TRANSPORT_NONE, from, &error);
    if (error == OK) { /* before it is open, from when on others look at it */
        connection->mark = kept->mark;
        connection->told.is_concluded = true;
    }
    if (error == OK)
        error = connections_open(connections, connection, kept->key, callee.name,
                                 &kept->link.transport);
    if (error != OK && connection != NULL) {
        (void)connections_leave(connections, connection);
        connection = NULL;
    }
    callee_end(&callee);
    if (error != OK && !presence->is_over) {
        (void)peer_now_say(&presence->peer, NULL, name); /* or was, if it is gone */
        refusals_add_proven(&daemon->refusals, from, name, kept->key, NULL, error, NULL);
    }
    return connection;
}

/*
 * Have the channel wait there, in the life of a connection, unless the peer has moved since. False
 * if it cannot.
 */
static bool take_in(struct presence *presence, struct kept *kept, const struct endpoint *from,
                    size_t moves)
{
    struct daemon *daemon = presence->terms.daemon;
    struct connection *connection = list(presence, kept, from);

    if (connection == NULL) {
        kept_give_up(kept);
        return false;
    }
    if (presence->terms.age_ms != NEVER_MS)
        kept->ends_ms = clock_now_ms() + spares_about_ms(presence->terms.age_ms);
    connection->kept = kept;
    connections_note_idle(&daemon->connections, connection);
    if (presence->moves != moves) { /* if not, those that are closed for that are all listed */
        (void)connections_leave(&daemon->connections, connection);
        kept_give_up(kept);
        return true;
    }
    life_begin(daemon, connection);
    return true;
}

/* In a thread of its own: one channel more. */
static void call_one(void *context)
{
    struct presence *presence = context;
    size_t moves = presence->moves;
    struct endpoint from;
    struct kept *kept = presence->is_over ? NULL : calling_make(&presence->calling, &from);

    spares_called(&presence->spares, kept != NULL && take_in(presence, kept, &from, moves));
    signals_wake();
}

static void begin_call(struct presence *presence)
{
    if (threads_call(&presence->terms.daemon->threads, call_one, presence))
        return;
    calling_not_begun(&presence->calling);
    spares_called(&presence->spares, false);
}

void presence_begin(struct presence *presence, const struct presence_terms *terms,
                    const struct callee *callee)
{
    const struct calling_terms calling = {
        .daemon = terms->daemon,
        .calls = terms->calls,
        .peer = terms->peer,
        .kind = KIND_KEPT_BACK,
        .side = SIDE_ACCEPTS,
        .callee = &presence->peer,
        .is_there = has_channel,
        .context = presence,
    };

    *presence = (struct presence){.terms = *terms};
    peer_now_begin(&presence->peer, callee);
    calling_begin(&presence->calling, &calling);
    spares_begin(&presence->spares, terms->spare);
}

/* What has become of channels since the last look. */
static void look(struct presence *presence, int64_t now_ms)
{
    if (atomic_exchange(&presence->used, 0) > 0)
        spares_used(&presence->spares);
    if (atomic_exchange(&presence->wasted, 0) > 0)
        spares_wasted(&presence->spares, presence->lived_ms, now_ms);
    spares_look(&presence->spares, now_ms);
}

int64_t presence_arm(struct presence *presence)
{
    struct connections *connections = &presence->terms.daemon->connections;
    struct spares *spares = &presence->spares;
    int64_t now_ms = clock_now_ms();
    struct connections_totals totals;

    connections_await_change(connections); /* before we look */
    look(presence, now_ms);
    connections_count(connections, &totals);
    if (presence->peer.gone || presence->is_over)
        return NEVER_MS;
    while (spares->calling < totals.room && spares_lack(spares, totals.idle, now_ms))
        begin_call(presence);
    return spares->calling < totals.room ? spares_due_ms(spares, totals.idle) : NEVER_MS;
}

void presence_over(struct presence *presence, const struct connection *connection, bool left)
{
    const struct kept *kept = connection->kept;

    if (kept->was_used) {
        presence->used++;
    } else if (left) {
        presence->lived_ms = clock_now_ms() - kept->made_ms;
        presence->wasted++;
    }
}

bool presence_move(struct presence *presence, const struct callee *callee, bool gone)
{
    bool moved = peer_now_move(&presence->peer, callee, gone);

    presence->moves += moved;
    return moved && !gone;
}

void presence_end(struct presence *presence)
{
    presence->is_over = true;
}

enum peer_state presence_state(const struct presence *presence)
{
    return presence->peer.gone ? PEER_GONE : calling_state(&presence->calling);
}

bool presence_is_up(const struct presence *presence)
{
    return calling_is_up(&presence->calling);
}
