/*
 * Owns those who call forward --accept, from their first byte to a channel that is ready. Must
 * never take a key that is none of its WHOs.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/forward.h"
#include "command/setup_listen.h"
#include "peers/condition_warnings.h"

bool forward_is_called(const struct forward *forward)
{
    return forward->setup.options->accept != NULL;
}

/* The first of the routes that is for the holder of a key, or NULL. */
static struct route *route_of(struct forward *forward, const uint8_t key[static KEY_SIZE])
{
    for (size_t i = 0; i < forward->count; i++) {
        if (route_is_for(&forward->routes[i], key))
            return &forward->routes[i];
    }
    return NULL;
}

/* Of the reception: whether one more channel of a key may be there, whatever each does. */
static enum kith_error allow(void *context, const uint8_t key[static KEY_SIZE])
{
    struct forward *forward = context;

    if (route_of(forward, key) == NULL)
        return ERR_REMOVED;
    return exchange_count(&forward->exchange, key) < forward->daemon.connections.limits.per_peer
               ? OK
               : ERR_TOO_MANY;
}

/* Whether the holder of a key may call from there, under this namespace, now. */
static enum kith_error judge_caller(struct forward *forward, const uint8_t key[static KEY_SIZE],
                                    const struct endpoint *from, const struct namespace_mark *mark)
{
    struct admitted admitted;

    return admission_check_again(&forward->admission, key, from, NULL, mark, &admitted);
}

static bool may_call(void *context, const struct kept *kept)
{
    struct forward *forward = context;

    return route_of(forward, kept->key) != NULL &&
           judge_caller(forward, kept->key, kept->from, &kept->mark) == OK;
}

static const char *peer_of(void *context, const uint8_t key[static KEY_SIZE])
{
    struct route *route = route_of(context, key);

    return route != NULL ? route->terms.peer : NULL;
}

void forward_accept_announce(const struct forward *forward)
{
    const struct listeners *door = &forward->daemon.doors.list[0];
    size_t peers = admission_count(&forward->admission);
    char line[96];

    (void)snprintf(line, sizeof(line), "waits for calls of %zu peer%s", peers,
                   peers == 1 ? "" : "s");
    log_event(LOG_NOTE, forward->setup.options->what, door->text, line, NULL);
    setup_announce(&forward->setup, door, &forward->accept, "serve --call", " TARGET");
    condition_warnings_log(&forward->setup.directory, &forward->admission.set, NULL);
}

static enum kith_error begin_reception(struct forward *forward)
{
    struct reception_terms terms =
        setup_reception_terms(&forward->setup, &forward->daemon, &forward->admission);

    terms.allow = allow;
    terms.context = forward;
    return reception_begin(&forward->reception, &terms);
}

enum kith_error forward_accept_begin(struct forward *forward)
{
    const struct options *options = forward->setup.options;
    const struct exchange_terms terms = {
        .daemon = &forward->daemon,
        .timeout_ms = options->handshake_timeout_ms,
        .ping_ms = options->ping_ms,
        .most = forward->kept,
        .may_call = may_call,
        .peer_of = peer_of,
        .whom = route_whom,
        .context = forward,
    };

    exchange_begin(&forward->exchange, &terms);
    return begin_reception(forward);
}

int64_t forward_accept_arm(struct forward *forward, struct poll_set *set)
{
    int64_t due_ms = reception_arm(&forward->reception, set);

    return clock_earlier(due_ms, exchange_arm(&forward->exchange, set));
}

bool forward_accept_step(struct forward *forward, const struct poll_set *set)
{
    enum reception_result result;
    struct guest guest;

    exchange_step(&forward->exchange, set);
    while ((result = reception_step(&forward->reception, set, &guest)) == RECEPTION_GUEST)
        exchange_welcome(&forward->exchange, &guest);
    return result != RECEPTION_FAILED;
}

/* A visit: end what is carried on a channel of somebody who may no longer call like this. */
static void end_if_gone(struct connection *connection, void *context)
{
    enum kith_error error;

    if (!connection->is_open || connection->called_from == NULL)
        return;
    error = judge_caller(context, connection->key, connection->called_from, &connection->mark);
    if (error != OK)
        connection_end(connection, error);
}

void forward_accept_judge(struct forward *forward)
{
    admission_replace(&forward->admission, &forward->fresh);
    connections_each(&forward->daemon.connections, end_if_gone, forward);
    opener_end_unwanted(&forward->exchange.opener, false);
    condition_warnings_log(&forward->setup.directory, &forward->admission.set, NULL);
}

void forward_accept_end(struct forward *forward)
{
    reception_end(&forward->reception, ERR_STOPPING);
    exchange_end(&forward->exchange);
}
