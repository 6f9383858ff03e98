/*
 * Owns the channels of those peers who call forward --accept, the local connections that wait for
 * one, and who gets which. Must never give one peer's channel to a connection that is for another,
 * nor hold one without a deadline.
 */
#include "daemon/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/life.h"
#include "system/signals.h"

/* Of the opener, in any thread. */
static bool is_wanted(void *context, const struct kept *kept)
{
    const struct exchange *exchange = context;

    return exchange->terms.may_call(exchange->terms.context, kept);
}

/* Of the opener: a channel was ended for what its peer has said. */
static void complain(void *context, const uint8_t key[static KEY_SIZE], enum kith_error error)
{
    const struct exchange *exchange = context;

    (void)log_failure(LOG_ERROR, exchange->terms.daemon->terms->what,
                      exchange->terms.peer_of(exchange->terms.context, key), error, NULL, NULL);
}

void exchange_begin(struct exchange *exchange, const struct exchange_terms *terms)
{
    const struct opener_terms kept = {
        /* the side that calls decides how many there are, and how long */
        .holds = {.most = terms->most, .keep_time_ms = NEVER_MS},
        .age_ms = NEVER_MS,
        .ping_ms = terms->ping_ms,
        .is_wanted = is_wanted,
        .complain = complain,
        .context = exchange,
    };

    *exchange = (struct exchange){.terms = *terms};
    (void)pthread_mutex_init(&exchange->lock, NULL);
    opener_begin(&exchange->opener, &kept);
}

static struct tally *tally_of(const struct exchange *exchange, const uint8_t key[static KEY_SIZE])
{
    struct tally *tally = exchange->tallies;

    while (tally != NULL && memcmp(tally->key, key, KEY_SIZE) != 0)
        tally = tally->next;
    return tally;
}

size_t exchange_count(const struct exchange *exchange, const uint8_t key[static KEY_SIZE])
{
    const struct tally *tally = tally_of(exchange, key);

    return tally != NULL ? tally->count : 0;
}

/* The one of a key, or one that is made for it; NULL without memory. */
static struct tally *have_tally(struct exchange *exchange, const uint8_t key[static KEY_SIZE])
{
    struct tally *tally = tally_of(exchange, key);

    if (tally != NULL)
        return tally;
    for (tally = exchange->tallies; tally != NULL && tally->count > 0; tally = tally->next)
        continue;
    if (tally == NULL) {
        tally = calloc(1, sizeof(*tally));
        if (tally == NULL)
            return NULL;
        tally->next = exchange->tallies;
        exchange->tallies = tally;
    }
    memcpy(tally->key, key, KEY_SIZE);
    return tally;
}

void exchange_welcome(struct exchange *exchange, struct guest *guest)
{
    struct tally *tally = have_tally(exchange, guest->key);
    struct kept *kept =
        kept_make(&guest->transport, &guest->keys, exchange->terms.daemon->terms->max_message_size,
                  SIDE_OPENS, guest->key);

    if (kept == NULL || tally == NULL || kept_note_from(kept, &guest->from) != OK) {
        (void)log_failure(LOG_ERROR, exchange->terms.daemon->terms->what, guest->from.text,
                          ERR_MEMORY, NULL, NULL);
        kept_drop(kept);
        transport_close(&guest->transport);
        return;
    }
    kept->mark = guest->admitted.mark;
    kept_count(kept, &tally->count);
    while (exchange->opener.idle_count >= exchange->terms.most)
        opener_leave_longest(&exchange->opener);
    opener_give(&exchange->opener, kept);
}

/* The channels that it has asked are of no more use to it. */
static void give_up_asked(struct connection *connection)
{
    struct kept *kept;

    while ((kept = connection->kept) != NULL) {
        connection->kept = kept->next;
        kept_give_up(kept);
    }
}

static void stop_waiting(struct exchange *exchange, struct connection *connection)
{
    chain_remove(&exchange->waiting, &connection->parked);
    exchange->wanted--;
}

/* It gets none: its local program sees a reset. */
static void turn_away(struct exchange *exchange, struct connection *connection,
                      enum kith_error error)
{
    struct daemon *daemon = exchange->terms.daemon;
    uint8_t key[KEY_SIZE];
    const char *target, *peer = NULL;

    if (exchange->terms.whom(connection, key, &target))
        peer = exchange->terms.peer_of(exchange->terms.context, key);
    stop_waiting(exchange, connection);
    give_up_asked(connection);
    if (error != ERR_STOPPING)
        refusals_add_unheard(&daemon->refusals, &connection->from, error, peer);
    life_leave(daemon, connection);
}

/* The one that it is to have; its answer is still to come, or was this. */
static void give_answered(struct exchange *exchange, struct connection *connection,
                          struct kept **at, enum kith_error answer)
{
    struct kept *kept = *at;

    *at = kept->next;
    give_up_asked(connection);
    kept->next = NULL;
    connection->kept = kept;
    connection->waiting.answer = answer;
    stop_waiting(exchange, connection);
    life_begin(exchange->terms.daemon, connection);
}

/* Hear the channels that it has asked: once one has answered, it goes to a thread with that. */
static void hear_asked(struct exchange *exchange, struct connection *connection,
                       const struct poll_set *set)
{
    struct kept **at = &connection->kept, *kept;

    while ((kept = *at) != NULL) {
        enum kith_error answer = ERR_NO_ANSWER;

        if (poll_set_is_ready(set, kept->at))
            answer = kept_await_answer(kept, 0);
        kept->at = POLL_SET_NONE;
        link_hand_on(&kept->link);
        if (answer == ERR_LINK_LOST) {
            *at = kept->next;
            kept_drop(kept);
        } else if (!kept_is_silent(kept, answer)) {
            give_answered(exchange, connection, at, answer);
            return;
        } else {
            at = &kept->next;
        }
    }
}

/* Whether it has to do with those that it has asked, for now. */
static bool is_patient(const struct connection *connection, int64_t now_ms)
{
    return connection->kept != NULL && now_ms < kept_silent_ms(connection->kept);
}

/* Ask one more for it, if there is one; the first of all goes to a thread with it. */
static void ask_another(struct exchange *exchange, struct connection *connection,
                        const uint8_t key[static KEY_SIZE], const char *target)
{
    bool first = connection->kept == NULL;
    struct kept *kept = opener_take(&exchange->opener, key, target);

    if (kept == NULL)
        return;
    kept->next = connection->kept;
    kept->at = POLL_SET_NONE;
    connection->kept = kept;
    if (first)
        give_answered(exchange, connection, &connection->kept, ERR_NO_ANSWER);
}

/* See to one that waits; it may be gone then. */
static void tend(struct exchange *exchange, struct connection *connection, int64_t now_ms)
{
    uint8_t key[KEY_SIZE];
    const char *target;

    if (!exchange->terms.whom(connection, key, &target))
        turn_away(exchange, connection, ERR_REMOVED);
    else if (now_ms >= connection->waiting.until_ms)
        turn_away(exchange, connection, connection->kept != NULL ? ERR_NO_ANSWER : ERR_NOT_CALLED);
    else if (!is_patient(connection, now_ms))
        ask_another(exchange, connection, key, target);
}

/* Those that threads have sent back wait again, before all others. */
static void collect_sent_back(struct exchange *exchange)
{
    struct connection *connection;

    (void)pthread_mutex_lock(&exchange->lock);
    while ((connection = chain_first(&exchange->sent_back)) != NULL) {
        chain_remove(&exchange->sent_back, &connection->parked);
        chain_prepend(&exchange->waiting, &connection->parked, connection);
    }
    (void)pthread_mutex_unlock(&exchange->lock);
}

static void tend_all(struct exchange *exchange)
{
    int64_t now_ms = clock_now_ms();
    struct connection *connection, *next;

    collect_sent_back(exchange);
    for (connection = chain_first(&exchange->waiting); connection != NULL; connection = next) {
        next = chain_after(&connection->parked);
        tend(exchange, connection, now_ms);
    }
}

void exchange_serve(struct exchange *exchange, struct connection *connection)
{
    connection->waiting.until_ms = clock_deadline_ms(exchange->terms.timeout_ms);
    exchange->wanted++; /* before we look, as exchange_give does after */
    chain_append(&exchange->waiting, &connection->parked, connection);
    tend_all(exchange);
}

enum kith_error exchange_hear(struct connection *connection)
{
    struct kept *kept = connection->kept;
    int64_t silent_ms = clock_earlier(kept_silent_ms(kept), connection->waiting.until_ms);
    enum kith_error error = connection->waiting.answer;

    if (kept_is_silent(kept, error))
        error = kept_await_answer(kept, silent_ms);
    if (error == ERR_NO_ANSWER && !kept->link.turn.pinged) /* it is there: its target is slow */
        error = kept_await_answer(kept, connection->waiting.until_ms);
    return error;
}

enum kith_error exchange_send_back(struct exchange *exchange, struct connection *connection)
{
    enum kith_error error = OK;

    if (connection->kept != NULL)
        link_hand_on(&connection->kept->link);
    exchange->wanted++;
    (void)pthread_mutex_lock(&exchange->lock);
    if (exchange->is_over)
        error = ERR_STOPPING;
    else if (clock_now_ms() >= connection->waiting.until_ms)
        error = ERR_NO_ANSWER;
    else
        chain_append(&exchange->sent_back, &connection->parked, connection);
    (void)pthread_mutex_unlock(&exchange->lock);
    if (error == OK)
        signals_wake();
    else
        exchange->wanted--;
    return error;
}

void exchange_give(struct exchange *exchange, struct kept *kept)
{
    opener_give(&exchange->opener, kept);
    if (exchange->wanted > 0)
        signals_wake();
}

/* Put the channels that it has asked into the set. When to look at it again. */
static int64_t arm_one(struct exchange *exchange, struct connection *connection,
                       struct poll_set *set)
{
    int64_t due_ms = connection->waiting.until_ms;
    uint8_t key[KEY_SIZE];
    const char *target;

    for (struct kept *kept = connection->kept; kept != NULL; kept = kept->next)
        kept->at = poll_set_add(set, kept->link.transport.in, POLLIN);
    if (connection->kept != NULL && exchange->terms.whom(connection, key, &target) &&
        opener_count(&exchange->opener, key) > 0)
        due_ms = clock_earlier(due_ms, kept_silent_ms(connection->kept));
    return due_ms;
}

int64_t exchange_arm(struct exchange *exchange, struct poll_set *set)
{
    int64_t due_ms;

    tend_all(exchange);
    due_ms = opener_arm(&exchange->opener, set);
    for (struct connection *c = chain_first(&exchange->waiting); c != NULL;
         c = chain_after(&c->parked))
        due_ms = clock_earlier(due_ms, arm_one(exchange, c, set));
    return due_ms;
}

void exchange_step(struct exchange *exchange, const struct poll_set *set)
{
    struct connection *connection, *next;

    opener_step(&exchange->opener, set);
    for (connection = chain_first(&exchange->waiting); connection != NULL; connection = next) {
        next = chain_after(&connection->parked);
        hear_asked(exchange, connection, set);
    }
    tend_all(exchange);
}

void exchange_end(struct exchange *exchange)
{
    struct connection *connection;

    (void)pthread_mutex_lock(&exchange->lock);
    exchange->is_over = true; /* who comes back after this would not be found */
    (void)pthread_mutex_unlock(&exchange->lock);
    collect_sent_back(exchange);
    while ((connection = chain_first(&exchange->waiting)) != NULL)
        turn_away(exchange, connection, ERR_STOPPING);
    opener_end(&exchange->opener);
}
