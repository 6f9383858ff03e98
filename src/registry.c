/*
 * Owns the list of connections and its limits. Must never let callers who have proven nothing
 * keep out one who can.
 */
#include "registry.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

#define SILENT_MS 1000 /* within which an honest caller says its hello, from a busy machine too */
#define HEARD_MS 5000  /* within which its confirmation is, that of a busy machine too */
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
    (void)pthread_mutex_init(&registry->lock, NULL);
}

static bool same_source(const struct net_peer *a, const struct net_peer *b)
{
    if (a->address.ss_family != b->address.ss_family)
        return false;
    if (a->address.ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)&a->address;
        const struct sockaddr_in *y = (const struct sockaddr_in *)&b->address;

        return x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->address;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&b->address;

        return memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
    }
    return true;
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

/*
 * The one that has to give way: the oldest that has said nothing, since an honest caller says its
 * hello at once; or else that has gone no further. NULL if all are new.
 */
static struct connection *find_victim(const struct registry *registry,
                                      const struct net_peer *source)
{
    struct connection *victim;

    if (!registry->limits.evicts)
        return NULL;
    victim = oldest(registry, CONNECTION_SILENT, SILENT_MS, source, NULL);
    return victim != NULL ? victim : oldest(registry, CONNECTION_HEARD, HEARD_MS, source, NULL);
}

static bool evict(const struct registry *registry, const struct net_peer *source)
{
    struct connection *victim = find_victim(registry, source);

    if (victim != NULL)
        registry_end(victim, ERR_EVICTED);
    return victim != NULL;
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

/* The counts are made only near a limit: they walk the list. */
bool registry_enter(struct registry *registry, struct connection *connection)
{
    const struct registry_limits *limits = &registry->limits;
    bool room = true;

    connection->state = CONNECTION_SILENT;
    connection->begun_ms = clock_now_ms();
    (void)pthread_mutex_lock(&registry->lock);
    if (registry->pending >= limits->pending_per_source &&
        count_pending(registry, &connection->from) >= limits->pending_per_source)
        (void)evict(registry, &connection->from);
    else if (registry->pending >= limits->pending &&
             count_pending(registry, NULL) >= limits->pending)
        (void)evict(registry, NULL);
    if (registry->count >= limits->connections)
        room = evict(registry, NULL);
    if (room)
        append(registry, connection);
    (void)pthread_mutex_unlock(&registry->lock);
    return room;
}

void registry_locate(struct registry *registry, struct connection *connection,
                     const struct net_peer *from)
{
    (void)pthread_mutex_lock(&registry->lock);
    connection->from = *from;
    (void)pthread_mutex_unlock(&registry->lock);
}

void registry_heard(struct registry *registry, struct connection *connection,
                    const uint8_t key[static KEY_SIZE])
{
    struct connection *victim = NULL;

    (void)pthread_mutex_lock(&registry->lock);
    if (registry->pending > registry->limits.pending_per_peer &&
        count_of(registry, CONNECTION_HEARD, key) >= registry->limits.pending_per_peer)
        victim = oldest(registry, CONNECTION_HEARD, CROWD_MS, NULL, key);
    if (victim != NULL)
        registry_end(victim, ERR_EVICTED);
    connection->state = CONNECTION_HEARD;
    memcpy(connection->key, key, KEY_SIZE);
    (void)pthread_mutex_unlock(&registry->lock);
}

enum kith_error registry_open(struct registry *registry, struct connection *connection,
                              const uint8_t key[static KEY_SIZE], const char *name, int channel_fd)
{
    enum kith_error error;

    (void)pthread_mutex_lock(&registry->lock);
    error = connection->ending;
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
