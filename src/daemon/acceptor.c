/*
 * Owns the kept channels of serve. Must never touch one that was parked and a thread has again, nor
 * begin a stream that its peer may not have now.
 */
#include "daemon/acceptor.h"

#include <unistd.h>

#include "base/clock.h"
#include "daemon/carry.h"
#include "daemon/life.h"
#include "net/socket.h"
#include "system/signals.h"
#include "system/watch.h"

#define PARK_MS 1000      /* without a record, after which a channel needs no thread */
#define UNPINGED_MS 90000 /* without a PING: the peer is gone, as far as anybody can tell */

void acceptor_begin(struct acceptor *acceptor, struct daemon *daemon,
                    const struct acceptor_hooks *hooks, const struct holds *holds,
                    int64_t begin_timeout_ms)
{
    *acceptor = (struct acceptor){.daemon = daemon,
                                  .hooks = hooks,
                                  .holds = holds,
                                  .begin_timeout_ms = begin_timeout_ms,
                                  .watch = watch_make(),
                                  .at = POLL_SET_NONE};
    (void)pthread_mutex_init(&acceptor->lock, NULL);
}

static enum kith_error say_record(struct connection *connection, enum record_type type,
                                  enum record_reason reason)
{
    const struct record record = {.type = type, .reason = reason};

    return link_say(&connection->kept->link, &record, 1);
}

/* It may not have this one, and may ask again; or it has no business here any more. */
static enum kith_error say_no(struct connection *connection, enum kith_error error)
{
    enum record_reason reason = kept_refusal(error);

    return reason == NOT_REFUSED ? error : say_record(connection, RECORD_REFUSE, reason);
}

/* The peer begins the stream that we have accepted, or leaves: ERR_LINK_LOST. */
static enum kith_error await_begin(struct acceptor *acceptor, struct connection *connection)
{
    struct record record;
    bool heard;
    enum kith_error error = link_await(&connection->kept->link, &record, &heard,
                                       clock_deadline_ms(acceptor->begin_timeout_ms));

    if (error != OK)
        return error;
    return heard && record.type == RECORD_BEGIN ? OK : ERR_LINK_LOST;
}

/* The peer wants a stream. One that breaks, which is said where it is carried, is *over. */
static enum kith_error accept_one(struct acceptor *acceptor, struct connection *connection,
                                  const char *name, bool *over)
{
    const struct acceptor_hooks *hooks = acceptor->hooks;
    int fd = -1;
    enum kith_error error = hooks->reach(hooks->context, connection, name, &fd);

    if (error != OK)
        return say_no(connection, error);
    error = say_record(connection, RECORD_ACCEPT, NOT_REFUSED);
    if (error == OK)
        error = await_begin(acceptor, connection);
    if (error != OK) {
        if (fd >= 0)
            (void)close(fd);
        return error;
    }
    *over = hooks->join(hooks->context, connection, fd) != OK;
    connection->kept->was_used = true;
    if (!*over)
        link_end_stream(&connection->kept->link);
    return OK;
}

/* It is asked whether it is there. What comes after that is answered at once, and may go with it.
 */
static enum kith_error say_pong(struct link *link)
{
    const struct record pong = {.type = RECORD_PONG};

    return link_has_more(link) ? link_say_ahead(link, &pong) : link_say(link, &pong, 1);
}

/* Whether no stream may begin on it any more. */
static bool is_too_old(const struct connection *connection)
{
    return clock_now_ms() >= connection->kept->ends_ms;
}

/*
 * One for which we have called is idle, or not: a way that is gone is noticed soon while nothing
 * is carried, since the peer waits for nobody but us then.
 */
static void probe_often(const struct acceptor *acceptor, struct kept *kept, bool often)
{
    if (acceptor->holds == NULL || kept->is_probed == often)
        return;
    kept->is_probed = often;
    socket_probe_often(kept->link.transport.in, often);
}

/* Do what a record asks for; *over if the channel is done. */
static enum kith_error heed(struct acceptor *acceptor, struct connection *connection,
                            const struct record *record, bool *over)
{
    switch (record->type) {
    case RECORD_PING:
        return say_pong(&connection->kept->link);
    case RECORD_OPEN:
        probe_often(acceptor, connection->kept, false);
        *over = acceptor->is_ending || is_too_old(connection) || /* CLOSE is the answer */
                !connections_occupy(&acceptor->daemon->connections, connection);
        return *over ? OK : accept_one(acceptor, connection, record->name, over);
    default:
        *over = record->type == RECORD_CLOSE;
        return OK;
    }
}

/*
 * Nobody but the main thread has it from here on. False if it cannot be parked, or must not be any
 * more.
 */
static bool park(struct acceptor *acceptor, struct connection *connection)
{
    bool parked;

    link_hand_on(&connection->kept->link);
    probe_often(acceptor, connection->kept, true);
    (void)pthread_mutex_lock(&acceptor->lock);
    connection->kept->parked_since_ms = clock_now_ms();
    parked = !acceptor->is_ending &&
             watch_add(acceptor->watch, connection->kept->link.transport.in, connection);
    if (parked)
        chain_append(&acceptor->parked, &connection->parked, connection);
    (void)pthread_mutex_unlock(&acceptor->lock);
    if (parked && acceptor->holds != NULL) /* until when, is for the main thread to find out */
        signals_wake();
    return parked;
}

/* Its channel has ended between two streams: say so, unless that cuts nothing. */
static void say_ending(struct acceptor *acceptor, struct connection *connection,
                       enum kith_error error)
{
    enum kith_error ending = connections_why_ended(&acceptor->daemon->connections, connection);

    if (ending == OK)
        ending = error;
    if (ending != OK && ending != ERR_LINK_LOST)
        carry_nothing(acceptor->daemon, connection, ending);
}

/* It is over: its last word is said if it leaves in order, be it for another one. */
static void part(struct acceptor *acceptor, struct connection *connection, enum kith_error error,
                 bool left)
{
    const struct acceptor_hooks *hooks = acceptor->hooks;

    if (hooks->over != NULL)
        hooks->over(hooks->context, connection, left);
    if (error == OK || (error == ERR_LINK_LOST &&
                        connections_gives_way(&acceptor->daemon->connections, connection)))
        (void)kept_say_close(connection->kept);
}

enum stay acceptor_run(struct acceptor *acceptor, struct connection *connection)
{
    struct connections *connections = &acceptor->daemon->connections;
    struct link *link = &connection->kept->link;
    struct record record = connection->asked;
    enum kith_error error = OK;
    bool heard = record.type != RECORD_NONE, over = false;
    int64_t silent_ms = clock_deadline_ms(UNPINGED_MS);

    connection->asked.type = RECORD_NONE;
    while (error == OK && !over) {
        if (heard) {
            error = heed(acceptor, connection, &record, &over);
            silent_ms = clock_deadline_ms(UNPINGED_MS);
            heard = false;
            continue;
        }
        /* Before we look, as acceptor_end does after. */
        connections_note_idle(connections, connection);
        over = acceptor->is_ending || clock_now_ms() >= silent_ms;
        if (!over)
            error = link_await(link, &record, &heard, clock_deadline_ms(PARK_MS));
        if (error == OK && !over && !heard && park(acceptor, connection))
            return STAY_PARKED;
    }
    if (error != OK)
        say_ending(acceptor, connection, error);
    part(acceptor, connection, error, !acceptor->is_ending && !is_too_old(connection));
    return STAY_OVER;
}

/*
 * Of those that are parked, for which we have called: the one that is to be let go first, as too
 * old or as one too many, and when; NULL if there is none. Under the lock.
 */
static struct connection *first_to_go(struct acceptor *acceptor, int64_t *until_ms)
{
    struct connection *longest = NULL, *oldest = NULL;
    int64_t held_ms;
    struct connections_totals totals;

    connections_count(&acceptor->daemon->connections, &totals);
    for (struct connection *c = chain_first(&acceptor->parked); c != NULL;
         c = chain_after(&c->parked)) {
        if (longest == NULL || c->idle_since_ms < longest->idle_since_ms)
            longest = c;
        if (oldest == NULL || c->kept->ends_ms < oldest->kept->ends_ms)
            oldest = c;
    }
    *until_ms = NEVER_MS;
    if (longest == NULL)
        return NULL;
    held_ms = holds_until_ms(acceptor->holds, totals.idle, longest->idle_since_ms);
    *until_ms = clock_earlier(held_ms, oldest->kept->ends_ms);
    return oldest->kept->ends_ms <= held_ms ? oldest : longest;
}

int64_t acceptor_arm(struct acceptor *acceptor, struct poll_set *set)
{
    const struct connection *longest;
    int64_t due_ms = NEVER_MS, until_ms = NEVER_MS;

    acceptor->at = poll_set_add(set, acceptor->watch, POLLIN);
    (void)pthread_mutex_lock(&acceptor->lock);
    longest = chain_first(&acceptor->parked);
    if (longest != NULL)
        due_ms = longest->kept->parked_since_ms + UNPINGED_MS;
    if (acceptor->holds != NULL)
        (void)first_to_go(acceptor, &until_ms);
    (void)pthread_mutex_unlock(&acceptor->lock);
    return clock_earlier(due_ms, until_ms);
}

/* It is parked no longer, and is the main thread's alone. */
static void rouse(struct acceptor *acceptor, struct connection *connection)
{
    (void)pthread_mutex_lock(&acceptor->lock);
    watch_remove(acceptor->watch, connection->kept->link.transport.in);
    chain_remove(&acceptor->parked, &connection->parked);
    (void)pthread_mutex_unlock(&acceptor->lock);
}

/* Be done with one that was parked, which its peer may have left. */
static void dismiss_parked(struct acceptor *acceptor, struct connection *connection,
                           enum kith_error error, bool left)
{
    say_ending(acceptor, connection, error);
    part(acceptor, connection, error, left);
    life_leave(acceptor->daemon, connection);
}

/*
 * One has something to say. A PING is answered here; for a stream it needs a thread, and also if it
 * says more than that at a time: nobody else is to wait for it.
 */
static void listen_to(struct acceptor *acceptor, struct connection *connection)
{
    struct record record;
    enum kith_error error;
    bool heard, over = false, answered = false;

    rouse(acceptor, connection);
    do {
        error = link_hear(&connection->kept->link, &record, &heard);
        if (error == OK && heard && (record.type == RECORD_OPEN || answered)) {
            connection->asked = record;
            link_hand_on(&connection->kept->link);
            life_begin(acceptor->daemon, connection);
            return;
        }
        if (error == OK && heard)
            error = heed(acceptor, connection, &record, &over);
        answered = heard;
    } while (error == OK && heard && !over);
    if (error != OK || over || !park(acceptor, connection))
        dismiss_parked(acceptor, connection, error, true);
}

/* Those that nothing was heard of for too long. */
static void drop_silent(struct acceptor *acceptor)
{
    int64_t now_ms = clock_now_ms();
    struct connection *connection;

    for (;;) {
        (void)pthread_mutex_lock(&acceptor->lock);
        connection = chain_first(&acceptor->parked);
        if (connection != NULL && now_ms < connection->kept->parked_since_ms + UNPINGED_MS)
            connection = NULL;
        (void)pthread_mutex_unlock(&acceptor->lock);
        if (connection == NULL)
            return;
        rouse(acceptor, connection);
        dismiss_parked(acceptor, connection, OK, true);
    }
}

/* Those for which we have called, and that are not to be held any longer. */
static void let_go(struct acceptor *acceptor)
{
    struct connection *connection;
    int64_t until_ms;

    for (;;) {
        (void)pthread_mutex_lock(&acceptor->lock);
        connection = first_to_go(acceptor, &until_ms);
        (void)pthread_mutex_unlock(&acceptor->lock);
        if (connection == NULL || clock_now_ms() < until_ms)
            return;
        rouse(acceptor, connection);
        dismiss_parked(acceptor, connection, OK, false);
    }
}

void acceptor_step(struct acceptor *acceptor, const struct poll_set *set)
{
    void *ready[WATCH_MOST];
    size_t count = 0;

    if (poll_set_is_ready(set, acceptor->at))
        count = watch_ready(acceptor->watch, ready, WATCH_MOST);
    for (size_t i = 0; i < count; i++)
        listen_to(acceptor, ready[i]);
    drop_silent(acceptor);
    if (acceptor->holds != NULL)
        let_go(acceptor);
}

static struct connection *first_parked(struct acceptor *acceptor)
{
    struct connection *connection;

    (void)pthread_mutex_lock(&acceptor->lock);
    connection = chain_first(&acceptor->parked);
    (void)pthread_mutex_unlock(&acceptor->lock);
    return connection;
}

void acceptor_close_idle(struct acceptor *acceptor)
{
    struct connection *connection;

    while ((connection = first_parked(acceptor)) != NULL) {
        rouse(acceptor, connection);
        dismiss_parked(acceptor, connection, OK, false);
    }
    while (connections_make_room(&acceptor->daemon->connections))
        continue;
}

void acceptor_end(struct acceptor *acceptor)
{
    (void)pthread_mutex_lock(&acceptor->lock); /* whoever is parked after this would not be found */
    acceptor->is_ending = true;
    (void)pthread_mutex_unlock(&acceptor->lock);
    acceptor_close_idle(acceptor);
}
