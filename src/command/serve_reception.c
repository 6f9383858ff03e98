/*
 * Owns those who call serve, from their first byte to a channel. Must never touch a target before
 * the caller has proven who it is.
 */
#include "command/serve.h"

#include <stdio.h>

#include "base/clock.h"
#include "command/setup_listen.h"
#include "daemon/life.h"

static enum kith_error allow(void *context, const uint8_t key[static KEY_SIZE])
{
    struct serve *serve = context;

    return connections_allow(&serve->daemon.connections, key);
}

/* What its thread begins with. False if there is no memory. */
static bool prepare_channel(struct serve *serve, struct guest *guest, struct connection *connection)
{
    if (guest->kind == KIND_PLAIN) {
        connection->target = serve->offer.unnamed.list;
        connection->keys = guest->keys;
        return true;
    }
    connection->kept = kept_make(&guest->transport, &guest->keys,
                                 serve->setup.options->max_message_size, SIDE_ACCEPTS, guest->key);
    connections_note_idle(&serve->daemon.connections, connection);
    return connection->kept != NULL;
}

/* A connection for it that is open; NULL and the reason if there can be none. */
static struct connection *open_for(struct serve *serve, struct guest *guest, enum kith_error *error)
{
    struct connections *connections = &serve->daemon.connections;
    struct transport came = guest->kind == KIND_PLAIN ? guest->transport : TRANSPORT_NONE;
    struct connection *connection;

    connection = connections_add(connections, came, &guest->from, error);
    while (*error == ERR_NO_PLACE && connections_make_room(connections))
        connection = connections_add(connections, came, &guest->from, error);
    if (connection == NULL)
        return NULL;
    connection->mark = guest->admitted.mark;
    *error = connections_open(connections, connection, guest->key, guest->admitted.name,
                              &guest->transport);
    if (*error == OK)
        *error =
            prepare_channel(serve, guest, connection) ? OK : ERR_MEMORY; /* turn_away says it */
    if (*error == OK)
        return connection;
    (void)connections_leave(connections, connection);
    return NULL;
}

/* A peer has proven who it is: it gets a channel, and a thread. */
static void take_guest(struct serve *serve, struct guest *guest)
{
    enum kith_error error;
    struct connection *connection = open_for(serve, guest, &error);

    if (connection != NULL)
        life_begin(&serve->daemon, connection);
    else
        reception_turn_away(&serve->reception, guest, error);
    session_keys_wipe(&guest->keys);
}

enum kith_error serve_reception_begin(struct serve *serve)
{
    struct reception_terms terms =
        setup_reception_terms(&serve->setup, &serve->daemon, &serve->admission);

    terms.targets = &serve->offer.all;
    terms.unnamed = &serve->offer.unnamed;
    terms.allow = allow;
    terms.context = serve;
    return reception_begin(&serve->reception, &terms);
}

static void announce(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;
    size_t peers = admission_count(&serve->admission);
    char words[OFFER_WORDS_SIZE], ending[TARGET_NAME_SIZE + 1], may[48];

    if (serve->setup.options->inetd) /* whoever has started us knows */
        return;
    (void)snprintf(may, sizeof(may), "; %zu peer%s may call", peers, peers == 1 ? "" : "s");
    offer_announce(&serve->offer, daemon->doors.name, "each caller", may);
    offer_say_how(&serve->offer, words, ending);
    setup_announce(&serve->setup, &daemon->doors.list[0], &serve->asked, words, ending);
}

static int64_t arm(struct daemon *daemon, struct poll_set *set)
{
    struct serve *serve = daemon->terms->context;
    int64_t due_ms = reception_arm(&serve->reception, set);

    return clock_earlier(due_ms, acceptor_arm(&serve->acceptor, set));
}

static bool step(struct daemon *daemon, const struct poll_set *set)
{
    struct serve *serve = daemon->terms->context;
    enum reception_result result;
    struct guest guest;

    acceptor_step(&serve->acceptor, set);
    while ((result = reception_step(&serve->reception, set, &guest)) == RECEPTION_GUEST)
        take_guest(serve, &guest);
    if (serve->setup.options->inetd)
        serve_inetd_step(serve);
    return result != RECEPTION_FAILED;
}

static size_t waiting(struct daemon *daemon)
{
    const struct serve *serve = daemon->terms->context;

    return reception_count(&serve->reception);
}

static void stop(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;

    reception_end(&serve->reception, ERR_STOPPING);
    acceptor_end(&serve->acceptor);
}

static bool look_again(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;

    return setup_choose_again(&serve->setup, &serve->fresh) == OK;
}

const struct daemon_hooks serve_reception_hooks = {
    .begin = serve_begin,
    .announce = announce,
    .arm = arm,
    .step = step,
    .waiting = waiting,
    .stop = stop,
    .run = serve_run,
    .look_again = look_again,
    .take_again = serve_take_again,
};
