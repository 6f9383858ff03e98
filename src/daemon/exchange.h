/*
 * The exchange of a forward --accept: the channels that the peers who have called keep ready here,
 * and the local connections that wait for one. A connection that finds none waits for the next;
 * where the channel that it was given does not answer, it takes another one beside it, and the
 * first that answers carries it.
 *
 * But for what threads call (exchange_hear, exchange_send_back, exchange_give) all of it is the
 * main thread's. A connection that waits belongs to it.
 */
#ifndef KITH_EXCHANGE_H
#define KITH_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"
#include "base/error.h"
#include "calls/reception.h"
#include "daemon/daemon.h"
#include "daemon/opener.h"
#include "net/poll_set.h"

struct exchange_terms {
    struct daemon *daemon;
    int64_t timeout_ms; /* that a local connection waits for a channel that is accepted */
    int64_t ping_ms;
    size_t most; /* channels with nothing to do at once */
    /* In any thread: whether one who has called for this may call like that, now. */
    bool (*may_call)(void *context, const struct kept *kept);
    /* In the main thread: what a peer is called on the command line, or NULL. */
    const char *(*peer_of)(void *context, const uint8_t key[static KEY_SIZE]);
    /* In any thread: who a connection is for now, and what it asks for there; false for nobody. */
    bool (*whom)(const struct connection *connection, uint8_t key[static KEY_SIZE],
                 const char **target);
    void *context;
};

/* How many channels the holder of a key has here, whatever each does. */
struct tally {
    struct tally *next;
    uint8_t key[KEY_SIZE];
    _Atomic size_t count;
};

struct exchange {
    struct exchange_terms terms;
    struct opener opener;
    struct tally *tallies; /* of those who have called; one that is 0 may be another's next */
    pthread_mutex_t lock;
    struct chain sent_back; /* under the lock: by threads */
    bool is_over;           /* under the lock: nobody waits any more */
    struct chain waiting;   /* who waits longest first */
    _Atomic size_t wanted;  /* channels: that many wait */
};

/* Begin; it must not move afterwards. */
void exchange_begin(struct exchange *exchange, const struct exchange_terms *terms);

/* A peer has called: its channel is ready. It is closed if there is no memory for it. */
void exchange_welcome(struct exchange *exchange, struct guest *guest);

/* How many channels of a key there are. In the main thread. */
size_t exchange_count(const struct exchange *exchange, const uint8_t key[static KEY_SIZE]);

/* Have a connection run on a channel of its peer, at once or as soon as there is one. */
void exchange_serve(struct exchange *exchange, struct connection *connection);

/*
 * In its thread: what the channel that it has says to what it was asked for, as kept_await_answer.
 * ERR_LINK_LOST and ERR_NO_ANSWER: another one may be asked.
 */
must_check enum kith_error exchange_hear(struct connection *connection);

/*
 * In its thread: it waits for another channel, beside the one that it has, if any, and is no longer
 * the thread's. ERR_NO_ANSWER: its deadline has passed; ERR_STOPPING: nobody waits any more.
 */
must_check enum kith_error exchange_send_back(struct exchange *exchange,
                                              struct connection *connection);

/* In a thread: a channel has nothing to do any more. */
void exchange_give(struct exchange *exchange, struct kept *kept);

/* Put what is waited for into the set. Returns when it wants to be stepped at the latest. */
int64_t exchange_arm(struct exchange *exchange, struct poll_set *set);

/* See to all that is due. */
void exchange_step(struct exchange *exchange, const struct poll_set *set);

/* Nobody waits any more, and no channel is kept. Fine twice. */
void exchange_end(struct exchange *exchange);

#endif
