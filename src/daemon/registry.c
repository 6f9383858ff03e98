/*
 * Owns the list of connections and its limits. Must never let callers who have proven nothing
 * keep out one who can.
 */
#include "daemon/registry.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "calls/source.h"

/*
 * Within which an honest caller says its hello, from a busy machine too; less where there are few
 * places, so that as many strangers a second as with PLACES do not fill them. The callers of one
 * source share it.
 */
#define SILENT_MS 1000
#define SILENT_LEAST_MS 200
#define PLACES 512
#define LOOKED_AT 64 /* of the oldest, lest a search take the square of how many there are */

#define HEARD_MS 5000 /* within which its confirmation is, that of a busy machine too */
#define MANY 64
#define CROWD_MS 2000 /* the same for a peer with more such callers than others may have */

void registry_say_most(char out[static REGISTRY_MOST_SIZE], size_t most)
{
    (void)snprintf(out, REGISTRY_MOST_SIZE, "%zu at once are the most", most);
}

void registry_init(struct registry *registry, const struct registry_limits *limits)
{
    memset(registry, 0, sizeof(*registry));
    registry->limits = *limits;
    registry->silent_ms = SILENT_MS;
    if (limits->pending < PLACES)
        registry->silent_ms = (int64_t)limits->pending * SILENT_MS / PLACES;
    if (registry->silent_ms < SILENT_LEAST_MS)
        registry->silent_ms = SILENT_LEAST_MS;
    (void)pthread_mutex_init(&registry->lock, NULL);
}

static bool same_source(const struct net_peer *a, const struct net_peer *b)
{
    return source_of(a) == source_of(b);
}

void registry_end(struct connection *connection, enum kith_error reason)
{
    if (connection->ending != OK)
        return;
    connection->ending = reason;
    /* The local program's socket is left alone: it has to see a reset, not an end. */
    if (connection->channel_fd >= 0)
        (void)shutdown(connection->channel_fd, SHUT_RDWR);
}

/* Whether a silent caller has said its hello, or something that its thread has not come to yet. */
static bool has_spoken(const struct connection *connection)
{
    char byte;

    return atomic_load(&connection->spoken) ||
           recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * The oldest in a state that has had its time and is not ended already; of one source or key, if
 * that is given.
 */
static struct connection *oldest(const struct registry *registry, enum connection_state state,
                                 int64_t age_ms, const struct net_peer *source, const uint8_t *key)
{
    int64_t before_ms = clock_now_ms() - age_ms;

    for (struct connection *c = registry->first; c != NULL && c->begun_ms <= before_ms;
         c = c->next) {
        if (c->state == state && c->ending == OK &&
            (source == NULL || same_source(&c->from, source)) &&
            (key == NULL || memcmp(c->key, key, KEY_SIZE) == 0) &&
            (state != CONNECTION_SILENT || !has_spoken(c)))
            return c;
    }
    return NULL;
}

/* How many are pending and not ended already; of one source, if that is given. */
static size_t count_pending(const struct registry *registry, const struct net_peer *source)
{
    size_t count = 0;

    for (const struct connection *c = registry->first; c != NULL; c = c->next) {
        if (c->state != CONNECTION_OPEN && c->ending == OK &&
            (source == NULL || same_source(&c->from, source)))
            count++;
    }
    return count;
}

/*
 * The oldest that has said nothing for as long as it may, with so many others of its source there:
 * who takes many places does not keep others waiting for one.
 */
static struct connection *oldest_silent(const struct registry *registry)
{
    int64_t now_ms = clock_now_ms();
    size_t looked_at = 0;

    for (struct connection *c = registry->first; c != NULL && looked_at < LOOKED_AT; c = c->next) {
        if (c->state != CONNECTION_SILENT || c->ending != OK)
            continue;
        looked_at++;
        if ((now_ms - c->begun_ms) * (int64_t)count_pending(registry, &c->from) >=
                registry->silent_ms &&
            !has_spoken(c))
            return c;
    }
    return NULL;
}

/*
 * The one that has to give way: the oldest that has said nothing, since an honest caller says its
 * hello at once; or else that has gone no further. NULL if all are new; but the silent ones of a
 * source that has its share already are never too new.
 */
static struct connection *find_victim(const struct registry *registry,
                                      const struct net_peer *source)
{
    struct connection *victim;

    if (!registry->limits.evicts)
        return NULL;
    victim = source != NULL ? oldest(registry, CONNECTION_SILENT, 0, source, NULL)
                            : oldest_silent(registry);
    return victim != NULL ? victim
                          : oldest(registry, CONNECTION_HEARD, source != NULL ? CROWD_MS : HEARD_MS,
                                   source, NULL);
}

static bool evict(const struct registry *registry, const struct net_peer *source)
{
    struct connection *victim = find_victim(registry, source);

    if (victim != NULL)
        registry_end(victim, ERR_EVICTED);
    return victim != NULL;
}

/* How many there are of one key in a state. */
static size_t count_of(const struct registry *registry, enum connection_state state,
                       const uint8_t key[static KEY_SIZE])
{
    size_t count = 0;

    for (const struct connection *c = registry->first; c != NULL; c = c->next) {
        if (c->state == state && c->ending == OK && memcmp(c->key, key, KEY_SIZE) == 0)
            count++;
    }
    return count;
}

static void append(struct registry *registry, struct connection *connection)
{
    connection->next = NULL;
    connection->previous = registry->last;
    if (registry->last != NULL)
        registry->last->next = connection;
    else
        registry->first = connection;
    registry->last = connection;
    connection->number = ++registry->last_number;
    registry->count++;
    registry->pending++;
}

bool registry_has_place(struct registry *registry)
{
    bool place;

    (void)pthread_mutex_lock(&registry->lock);
    place = registry->pending < registry->limits.pending ||
            count_pending(registry, NULL) < registry->limits.pending ||
            find_victim(registry, NULL) != NULL;
    (void)pthread_mutex_unlock(&registry->lock);
    return place;
}

/* Whether this source has its share of the places, and none of them can be freed. */
static bool is_crowded(const struct registry *registry, const struct net_peer *source)
{
    size_t share = registry->limits.pending_per_source;

    return registry->limits.evicts && registry->pending >= share &&
           count_pending(registry, source) >= share && !evict(registry, source);
}

/*
 * Who faces the network has places for callers beside those for channels; the connections of local
 * programs wait for channels that are theirs.
 */
static bool is_full(const struct registry *registry)
{
    size_t callers = registry->limits.evicts ? registry->pending : 0;

    return registry->count - callers >= registry->limits.connections;
}

/* The counts are made only near a limit: they walk the list. */
enum kith_error registry_enter(struct registry *registry, struct connection *connection)
{
    const struct registry_limits *limits = &registry->limits;
    enum kith_error error = OK;

    connection->state = CONNECTION_SILENT;
    connection->begun_ms = clock_now_ms();
    (void)pthread_mutex_lock(&registry->lock);
    if (is_full(registry))
        error = ERR_NO_PLACE;
    else if (is_crowded(registry, &connection->from))
        error = ERR_CROWDED;
    else if (registry->pending >= limits->pending &&
             count_pending(registry, NULL) >= limits->pending)
        (void)evict(registry, NULL);
    if (error == OK)
        append(registry, connection);
    (void)pthread_mutex_unlock(&registry->lock);
    return error;
}

enum kith_error registry_locate(struct registry *registry, struct connection *connection,
                                const struct net_peer *from)
{
    size_t share = registry->limits.pending_per_source;
    bool crowded;

    (void)pthread_mutex_lock(&registry->lock);
    connection->from = *from;
    crowded = registry->limits.evicts && registry->pending > share &&
              count_pending(registry, from) > share && !evict(registry, from);
    (void)pthread_mutex_unlock(&registry->lock);
    return crowded ? ERR_CROWDED : OK;
}

enum kith_error registry_heard(struct registry *registry, struct connection *connection,
                               const uint8_t key[static KEY_SIZE])
{
    const struct registry_limits *limits = &registry->limits;
    struct connection *victim = NULL;
    enum kith_error error = OK;

    (void)pthread_mutex_lock(&registry->lock);
    if (registry->pending > limits->pending_per_peer &&
        count_of(registry, CONNECTION_HEARD, key) >= limits->pending_per_peer) {
        victim = oldest(registry, CONNECTION_HEARD, CROWD_MS, NULL, key);
        if (victim == NULL && registry->pending >= limits->pending - limits->pending / 8)
            error = ERR_CROWDED; /* the last places are for others */
    }
    if (victim != NULL)
        registry_end(victim, ERR_EVICTED);
    if (error == OK) {
        connection->state = CONNECTION_HEARD;
        memcpy(connection->key, key, KEY_SIZE);
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return error;
}

enum kith_error registry_open(struct registry *registry, struct connection *connection,
                              const uint8_t key[static KEY_SIZE], const char *name, int channel_fd)
{
    enum kith_error error;

    (void)pthread_mutex_lock(&registry->lock);
    error = connection->ending;
    if (error == OK && is_full(registry) && registry->limits.evicts)
        error = ERR_NO_PLACE;
    if (error == OK && registry->limits.per_peer < registry->count &&
        count_of(registry, CONNECTION_OPEN, key) >= registry->limits.per_peer)
        error = ERR_TOO_MANY;
    if (error == OK) {
        connection->state = CONNECTION_OPEN;
        connection->channel_fd = channel_fd;
        connection->opened_ms = clock_now_ms();
        memcpy(connection->key, key, KEY_SIZE);
        memcpy(connection->name, name, strlen(name) + 1);
        registry->pending--;
        registry->total++;
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return error;
}

void registry_detach(struct registry *registry, struct connection *connection)
{
    (void)pthread_mutex_lock(&registry->lock);
    connection->channel_fd = -1;
    (void)pthread_mutex_unlock(&registry->lock);
}

bool registry_leave(struct registry *registry, struct connection *connection)
{
    bool last;

    (void)pthread_mutex_lock(&registry->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        registry->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    else
        registry->last = connection->previous;
    registry->count--;
    if (connection->state != CONNECTION_OPEN)
        registry->pending--;
    registry->sent += connection->sent;
    registry->received += connection->received;
    if (registry->most < registry->count + 1)
        registry->most = registry->count + 1;
    last = registry->count == 0 && registry->most >= MANY;
    if (last)
        registry->most = 0;
    (void)pthread_mutex_unlock(&registry->lock);
    return last;
}

enum kith_error registry_ending(struct registry *registry, struct connection *connection)
{
    enum kith_error reason;

    (void)pthread_mutex_lock(&registry->lock);
    reason = connection->ending;
    (void)pthread_mutex_unlock(&registry->lock);
    return reason;
}

bool registry_conclude(struct registry *registry, struct connection *connection,
                       enum kith_error *error)
{
    bool unsaid;

    (void)pthread_mutex_lock(&registry->lock);
    unsaid = !connection->is_concluded;
    connection->is_concluded = true;
    if (*error != OK && connection->ending != OK)
        *error = connection->ending;
    (void)pthread_mutex_unlock(&registry->lock);
    return unsaid;
}

void registry_each(struct registry *registry, registry_visit *visit, void *context)
{
    (void)pthread_mutex_lock(&registry->lock);
    for (struct connection *c = registry->first; c != NULL; c = c->next)
        visit(c, context);
    (void)pthread_mutex_unlock(&registry->lock);
}

void registry_describe(struct registry_row *row, const struct connection *connection)
{
    row->number = connection->number;
    row->opened_ms = connection->opened_ms;
    row->sent = connection->sent;
    row->received = connection->received;
    memcpy(row->key, connection->key, KEY_SIZE);
    memcpy(row->name, connection->name, NAME_SIZE);
    memcpy(row->address, connection->from.text, ADDRESS_TEXT_SIZE);
}

size_t registry_list(struct registry *registry, uint64_t after, bool conclude,
                     struct registry_row *rows, size_t most)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&registry->lock);
    for (struct connection *c = registry->first; c != NULL && count < most; c = c->next) {
        if (c->state != CONNECTION_OPEN || c->number <= after || (conclude && c->is_concluded))
            continue;
        c->is_concluded = c->is_concluded || conclude;
        registry_describe(&rows[count++], c);
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return count;
}

void registry_count(struct registry *registry, struct registry_totals *totals)
{
    (void)pthread_mutex_lock(&registry->lock);
    *totals = (struct registry_totals){
        .count = registry->count,
        .pending = registry->pending,
        .channels = registry->total,
        .sent = registry->sent,
        .received = registry->received,
    };
    (void)pthread_mutex_unlock(&registry->lock);
}
