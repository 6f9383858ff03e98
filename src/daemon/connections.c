/*
 * Owns the list of connections and its limits. Must never touch what a connection carries, nor do
 * anything that can take long under its lock.
 */
#include "daemon/connections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "system/signals.h"

#define MANY 64 /* at once, after which the end of the last one is worth a look at the memory */

void connections_init(struct connections *connections, const struct connections_limits *limits)
{
    memset(connections, 0, sizeof(*connections));
    connections->limits = *limits;
    (void)pthread_mutex_init(&connections->lock, NULL);
}

void connection_end(struct connection *connection, enum kith_error reason)
{
    if (connection->ending != OK)
        return;
    connection->ending = reason;
    /* The local program's socket is left alone: it has to see a reset, not an end. */
    transport_end(&connection->channel);
}

/* How many channels there are of one key. */
static size_t count_of(const struct connections *connections, const uint8_t key[static KEY_SIZE])
{
    size_t count = 0;

    for (const struct connection *c = chain_first(&connections->list); c != NULL;
         c = chain_after(&c->at))
        count +=
            c->is_open && c->ending == OK && !c->gives_way && memcmp(c->key, key, KEY_SIZE) == 0;
    return count;
}

/* How many there are that have not been told to leave. */
static size_t staying(const struct connections *connections)
{
    return connections->list.count - connections->leaving;
}

/* The one that has carried nothing for the longest time, or NULL. */
static struct connection *longest_idle(const struct connections *connections)
{
    struct connection *longest = NULL;

    for (struct connection *c = chain_first(&connections->list); c != NULL; c = chain_after(&c->at))
        if (c->is_open && c->is_idle && !c->gives_way && c->ending == OK &&
            (longest == NULL || c->idle_since_ms < longest->idle_since_ms))
            longest = c;
    return longest;
}

static void append_connection(struct connections *connections, struct connection *connection)
{
    chain_append(&connections->list, &connection->at, connection);
    connections->pending++;
    connection->number = ++connections->last_number;
}

/* Have the main thread look, if it waits for something to change; without the lock. */
static void tell_of_change(bool awaited)
{
    if (awaited)
        signals_wake();
}

/* Whether it does; it has to say so again. */
static bool was_awaited(struct connections *connections)
{
    bool awaited = connections->is_awaited;

    connections->is_awaited = false;
    return awaited;
}

bool connections_have_room(struct connections *connections)
{
    bool room;

    (void)pthread_mutex_lock(&connections->lock);
    room = connections->pending < connections->limits.pending;
    connections->is_awaited = connections->is_awaited || !room;
    (void)pthread_mutex_unlock(&connections->lock);
    return room;
}

bool connections_have_ended(struct connections *connections)
{
    bool ended;

    (void)pthread_mutex_lock(&connections->lock);
    ended = connections->list.count == connections->pending;
    connections->is_awaited = connections->is_awaited || !ended;
    (void)pthread_mutex_unlock(&connections->lock);
    return ended;
}

void connections_await_change(struct connections *connections)
{
    (void)pthread_mutex_lock(&connections->lock);
    connections->is_awaited = true;
    (void)pthread_mutex_unlock(&connections->lock);
}

struct connection *connections_add(struct connections *connections, struct transport came,
                                   const struct endpoint *from, enum kith_error *error)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    *error = connection == NULL ? ERR_MEMORY : OK;
    if (connection == NULL)
        return NULL;
    connection->came = came;
    connection->from = *from;
    connection->channel = TRANSPORT_NONE;
    (void)pthread_mutex_lock(&connections->lock);
    if (staying(connections) >= connections->limits.most)
        *error = ERR_NO_PLACE;
    else
        append_connection(connections, connection);
    (void)pthread_mutex_unlock(&connections->lock);
    if (*error == OK)
        return connection;
    free(connection);
    return NULL;
}

/* Whether a channel of this key may be opened, with the others that there are beside it. */
static enum kith_error judge_channel(const struct connections *connections,
                                     const uint8_t key[static KEY_SIZE], size_t others)
{
    if (others >= connections->limits.most)
        return ERR_NO_PLACE;
    if (connections->limits.per_peer <= others &&
        count_of(connections, key) >= connections->limits.per_peer)
        return ERR_TOO_MANY;
    return OK;
}

enum kith_error connections_allow(struct connections *connections,
                                  const uint8_t key[static KEY_SIZE])
{
    enum kith_error error;

    (void)pthread_mutex_lock(&connections->lock);
    error = judge_channel(connections, key, staying(connections));
    if (error == ERR_NO_PLACE && longest_idle(connections) != NULL)
        error = judge_channel(connections, key, connections->limits.most - 1);
    (void)pthread_mutex_unlock(&connections->lock);
    return error;
}

enum kith_error connections_open(struct connections *connections, struct connection *connection,
                                 const uint8_t key[static KEY_SIZE], const char *name,
                                 const struct transport *channel)
{
    bool awaited = false;
    enum kith_error error;

    (void)pthread_mutex_lock(&connections->lock);
    error = connection->ending;
    if (error == OK)
        error = judge_channel(connections, key, staying(connections) - 1);
    if (error == OK) {
        connection->is_open = true;
        connection->channel = *channel;
        connection->opened_ms = clock_now_ms();
        memcpy(connection->key, key, KEY_SIZE);
        memcpy(connection->name, name, strlen(name) + 1);
        connections->pending--;
        connections->total++;
        if (connection->part != NULL)
            connection->part->channels++;
        awaited = was_awaited(connections);
    }
    (void)pthread_mutex_unlock(&connections->lock);
    tell_of_change(awaited);
    return error;
}

void connections_detach(struct connections *connections, struct connection *connection)
{
    (void)pthread_mutex_lock(&connections->lock);
    connection->channel = TRANSPORT_NONE;
    connection->called_from = NULL;
    (void)pthread_mutex_unlock(&connections->lock);
}

/* It carries nothing, or does again. */
static void set_idle(struct connections *connections, struct connection *connection, bool idle)
{
    if (idle && !connection->is_idle)
        connections->idle++;
    if (!idle && connection->is_idle)
        connections->idle--;
    connection->is_idle = idle;
}

static void take_out_connection(struct connections *connections, struct connection *connection)
{
    chain_remove(&connections->list, &connection->at);
    set_idle(connections, connection, false);
    if (!connection->is_open)
        connections->pending--;
    if (connection->gives_way)
        connections->leaving--;
}

/* What it has moved, to the sums of those that have ended. */
static void add_bytes(struct connections *connections, const struct connection *connection)
{
    struct connections_part *part = connection->part;

    connections->sent += connection->sent;
    connections->received += connection->received;
    if (part == NULL)
        return;
    part->sent += connection->sent;
    part->received += connection->received;
}

bool connections_leave(struct connections *connections, struct connection *connection)
{
    bool last, awaited;

    (void)pthread_mutex_lock(&connections->lock);
    take_out_connection(connections, connection);
    add_bytes(connections, connection);
    if (connections->most < connections->list.count + 1)
        connections->most = connections->list.count + 1;
    last = connections->list.count == 0 && connections->most >= MANY;
    if (last)
        connections->most = 0;
    awaited = was_awaited(connections);
    (void)pthread_mutex_unlock(&connections->lock);
    free(connection);
    tell_of_change(awaited);
    return last;
}

void connections_note_idle(struct connections *connections, struct connection *connection)
{
    (void)pthread_mutex_lock(&connections->lock);
    if (!connection->is_idle)
        connection->idle_since_ms = clock_now_ms();
    set_idle(connections, connection, true);
    connection->told.is_concluded = true; /* what it was asked for in vain had its line */
    connection->told.id[0] = '\0';
    (void)pthread_mutex_unlock(&connections->lock);
}

bool connections_occupy(struct connections *connections, struct connection *connection)
{
    bool stays, awaited;

    (void)pthread_mutex_lock(&connections->lock);
    stays = !connection->gives_way;
    set_idle(connections, connection, false);
    connection->told.is_concluded = false;
    connection->told.begun_ms = clock_now_ms();
    awaited = was_awaited(connections);
    (void)pthread_mutex_unlock(&connections->lock);
    tell_of_change(awaited);
    return stays;
}

bool connections_make_room(struct connections *connections)
{
    struct connection *longest;

    (void)pthread_mutex_lock(&connections->lock);
    longest = longest_idle(connections);
    if (longest != NULL) {
        longest->gives_way = true;
        connections->leaving++;
        transport_end_hearing(&longest->channel);
    }
    (void)pthread_mutex_unlock(&connections->lock);
    return longest != NULL;
}

bool connections_gives_way(struct connections *connections, const struct connection *connection)
{
    bool gives_way;

    (void)pthread_mutex_lock(&connections->lock);
    gives_way = connection->gives_way;
    (void)pthread_mutex_unlock(&connections->lock);
    return gives_way;
}

void connections_name_stream(struct connections *connections, struct connection *connection,
                             const uint8_t session[static SESSION_ID_SIZE], uint64_t nth)
{
    (void)pthread_mutex_lock(&connections->lock);
    stream_id(connection->told.id, session, nth);
    (void)pthread_mutex_unlock(&connections->lock);
}

void connections_begin_stream(struct connections *connections, struct connection *connection,
                              const struct link *link)
{
    (void)pthread_mutex_lock(&connections->lock);
    stream_id(connection->told.id, link->id, link->streams + 1);
    connection->told.begun_ms = clock_now_ms();
    (void)pthread_mutex_unlock(&connections->lock);
}

bool connections_conclude_idle(struct connections *connections, struct connection *connection)
{
    bool unsaid;

    (void)pthread_mutex_lock(&connections->lock);
    unsaid = connection->is_idle || !connection->told.is_concluded;
    connection->told.is_concluded = true;
    (void)pthread_mutex_unlock(&connections->lock);
    return unsaid;
}

bool connections_conclude(struct connections *connections, struct connection *connection,
                          enum kith_error *error)
{
    bool unsaid;

    (void)pthread_mutex_lock(&connections->lock);
    unsaid = !connection->told.is_concluded;
    connection->told.is_concluded = true;
    connection->told.sent = connection->sent;
    connection->told.received = connection->received;
    if (*error != OK && connection->ending != OK)
        *error = connection->ending;
    (void)pthread_mutex_unlock(&connections->lock);
    return unsaid;
}

enum kith_error connections_why_ended(struct connections *connections,
                                      const struct connection *connection)
{
    enum kith_error ending;

    (void)pthread_mutex_lock(&connections->lock);
    ending = connection->ending;
    (void)pthread_mutex_unlock(&connections->lock);
    return ending;
}

void connections_each(struct connections *connections, connections_visit *visit, void *context)
{
    (void)pthread_mutex_lock(&connections->lock);
    for (struct connection *c = chain_first(&connections->list); c != NULL; c = chain_after(&c->at))
        visit(c, context);
    (void)pthread_mutex_unlock(&connections->lock);
}

void connection_describe(struct connection_row *row, const struct connection *connection)
{
    const struct target *target = connection->target;

    row->number = connection->number;
    row->opened_ms = connection->opened_ms;
    row->sent = connection->sent;
    row->received = connection->received;
    memcpy(row->key, connection->key, KEY_SIZE);
    memcpy(row->name, connection->name, NAME_SIZE);
    memcpy(row->id, connection->told.id, STREAM_ID_SIZE);
    memcpy(row->address, connection->from.text, ADDRESS_TEXT_SIZE);
    memset(row->target, 0, TARGET_NAME_SIZE);
    if (target != NULL)
        memcpy(row->target, target->name, TARGET_NAME_SIZE);
    else if (connection->part != NULL)
        (void)snprintf(row->target, TARGET_NAME_SIZE, "%s", connection->part->target);
}

void connection_describe_unsaid(struct connection_row *row, const struct connection *connection)
{
    connection_describe(row, connection);
    row->sent -= connection->told.sent;
    row->received -= connection->told.received;
    if (connection->told.begun_ms != 0)
        row->opened_ms = connection->told.begun_ms;
}

size_t connections_list(struct connections *connections, uint64_t after, bool conclude,
                        struct connection_row *rows, size_t most)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&connections->lock);
    for (struct connection *c = chain_first(&connections->list); c != NULL && count < most;
         c = chain_after(&c->at)) {
        if (!c->is_open || c->number <= after || (conclude && c->told.is_concluded))
            continue;
        c->told.is_concluded = c->told.is_concluded || conclude;
        if (conclude)
            connection_describe_unsaid(&rows[count++], c);
        else
            connection_describe(&rows[count++], c);
    }
    (void)pthread_mutex_unlock(&connections->lock);
    return count;
}

/* How many more there may be, if all are of one peer. */
static size_t room_of_one(const struct connections *connections)
{
    const struct connections_limits *limits = &connections->limits;
    size_t most = limits->per_peer < limits->most ? limits->per_peer : limits->most;

    return most > connections->list.count ? most - connections->list.count : 0;
}

void connections_count(struct connections *connections, struct connections_totals *totals)
{
    (void)pthread_mutex_lock(&connections->lock);
    *totals = (struct connections_totals){
        .count = connections->list.count,
        .pending = connections->pending,
        .leaving = connections->leaving,
        .idle = connections->idle,
        .room = room_of_one(connections),
        .channels = connections->total,
        .sent = connections->sent,
        .received = connections->received,
    };
    (void)pthread_mutex_unlock(&connections->lock);
}

void connections_count_part(struct connections *connections, const struct connections_part *part,
                            struct connections_totals *totals)
{
    (void)pthread_mutex_lock(&connections->lock);
    *totals = (struct connections_totals){
        .channels = part->channels, .sent = part->sent, .received = part->received};
    for (const struct connection *c = chain_first(&connections->list); c != NULL;
         c = chain_after(&c->at)) {
        totals->count += c->part == part;
        totals->pending += c->part == part && !c->is_open;
    }
    (void)pthread_mutex_unlock(&connections->lock);
}
