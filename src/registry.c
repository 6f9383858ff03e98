/*
 * Owns the list of connections and its limits. Must never let callers who have proven nothing
 * keep out one who can.
 */
#include "registry.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

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
    (void)shutdown(connection->fd, SHUT_RDWR);
    if (connection->channel_fd >= 0)
        (void)shutdown(connection->channel_fd, SHUT_RDWR);
}

/* End the oldest caller that is still pending; of one source, if that is given. */
static bool evict(struct registry *registry, const struct net_peer *source)
{
    for (struct connection *c = registry->first; c != NULL; c = c->next) {
        if (c->state != CONNECTION_PENDING || c->ending != OK)
            continue;
        if (source != NULL && !same_source(&c->from, source))
            continue;
        registry_end(c, ERR_EVICTED);
        return true;
    }
    return false;
}

/* How many callers of one source are pending and not ended already. */
static size_t pending_of(const struct registry *registry, const struct net_peer *source)
{
    size_t count = 0;

    for (const struct connection *c = registry->first; c != NULL; c = c->next) {
        if (c->state == CONNECTION_PENDING && c->ending == OK && same_source(&c->from, source))
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

bool registry_enter(struct registry *registry, struct connection *connection)
{
    const struct registry_limits *limits = &registry->limits;
    bool room = true;

    connection->state = CONNECTION_PENDING;
    connection->channel_fd = -1;
    (void)pthread_mutex_lock(&registry->lock);
    if (registry->pending >= limits->pending_per_source &&
        pending_of(registry, &connection->from) >= limits->pending_per_source)
        (void)evict(registry, &connection->from);
    else if (registry->pending >= limits->pending)
        (void)evict(registry, NULL);
    if (registry->count >= limits->connections)
        room = evict(registry, NULL);
    if (room)
        append(registry, connection);
    (void)pthread_mutex_unlock(&registry->lock);
    return room;
}

static size_t open_of(const struct registry *registry, const uint8_t key[static KEY_SIZE])
{
    size_t count = 0;

    for (const struct connection *c = registry->first; c != NULL; c = c->next) {
        if (c->state == CONNECTION_OPEN && memcmp(c->key, key, KEY_SIZE) == 0)
            count++;
    }
    return count;
}

enum kith_error registry_open(struct registry *registry, struct connection *connection,
                              const uint8_t key[static KEY_SIZE], const char *name, int channel_fd)
{
    enum kith_error error;

    (void)pthread_mutex_lock(&registry->lock);
    error = connection->ending;
    if (error == OK && registry->limits.per_peer < registry->count &&
        open_of(registry, key) >= registry->limits.per_peer)
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

void registry_leave(struct registry *registry, struct connection *connection)
{
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
    if (connection->state == CONNECTION_PENDING)
        registry->pending--;
    registry->sent += connection->sent;
    registry->received += connection->received;
    (void)pthread_mutex_unlock(&registry->lock);
}

enum kith_error registry_ending(struct registry *registry, struct connection *connection)
{
    enum kith_error reason;

    (void)pthread_mutex_lock(&registry->lock);
    reason = connection->ending;
    (void)pthread_mutex_unlock(&registry->lock);
    return reason;
}

void registry_each(struct registry *registry, registry_visit *visit, void *context)
{
    (void)pthread_mutex_lock(&registry->lock);
    for (struct connection *c = registry->first; c != NULL; c = c->next)
        visit(c, context);
    (void)pthread_mutex_unlock(&registry->lock);
}

size_t registry_count(struct registry *registry, size_t *open)
{
    size_t count;

    (void)pthread_mutex_lock(&registry->lock);
    count = registry->count;
    *open = registry->count - registry->pending;
    (void)pthread_mutex_unlock(&registry->lock);
    return count;
}
