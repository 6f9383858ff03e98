/*
 * A handshake over a transport: the messages of protocol/handshake.h carried without blocking, so
 * that many callers can be greeted at once.
 */
#ifndef KITH_GREETING_H
#define KITH_GREETING_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/net.h"
#include "net/transport.h"
#include "protocol/handshake.h"

/*
 * Asked by a listener once a hello names a signer: whether that key may call from there. What it
 * says counts only once the signature is verified. caller is what the greeting was given.
 */
typedef enum kith_error greeting_admit(void *context, void *caller,
                                       const uint8_t signer[static KEY_SIZE],
                                       const struct net_peer *from);

/*
 * Told by a listener once a hello is verified: signer has signed it at some time, and its digest
 * tells whether it was seen before. An error refuses it.
 */
typedef enum kith_error greeting_heard(void *caller, const uint8_t signer[static KEY_SIZE],
                                       const uint8_t hello_digest[static HASH_SIZE]);

/* What all greetings of one run share; nothing in it changes. */
struct greeting_rules {
    struct handshake_params params;
    const struct signer *signer;
    greeting_admit *admit; /* listener only */
    void *admit_context;
    greeting_heard *heard; /* listener only; or NULL */
};

enum greeting_role { GREETING_DIALS, GREETING_LISTENS };

/* What it waits for, or how it ended. */
enum greeting_state { GREETING_READS, GREETING_WRITES, GREETING_DONE, GREETING_FAILED };

struct greeting {
    const struct greeting_rules *rules;
    enum greeting_role role;
    enum greeting_state state;
    enum kith_error error;      /* once it has failed */
    struct transport transport; /* the caller's to close */
    int64_t deadline_ms;
    struct net_peer peer;
    void *caller; /* whom the greeting is of, for rules->heard */
    struct handshake handshake;
    struct session_keys keys; /* once it is done; wipe with greeting_wipe */
    bool check_only;          /* a dialer that stops once the listener is proven */
    int64_t called_us;        /* dialer: when message 1 was sent, and message 2 had come */
    int64_t answered_us;
    uint64_t answered_wall_ms;

    unsigned message;                   /* the one under way: 1, 2 or 3 */
    uint8_t frame[MESSAGE_2_FRAME_MAX]; /* the largest of the three */
    size_t frame_len;                   /* when sending, its length; when receiving, what is here */
    size_t frame_sent;
};

/*
 * Start to call the holder of peer_key, which says message 1 and reads nothing yet, or to hear who
 * calls, over a transport. What fails at once is found in state and error.
 */
void greeting_dial(struct greeting *greeting, const struct greeting_rules *rules,
                   struct transport transport, const struct net_peer *to,
                   const uint8_t peer_key[static KEY_SIZE], int64_t deadline_ms);
void greeting_listen(struct greeting *greeting, const struct greeting_rules *rules,
                     struct transport transport, const struct net_peer *from, int64_t deadline_ms);

/* Go on as far as the transport allows; the deadline is looked at, too. */
enum greeting_state greeting_step(struct greeting *greeting);

/* What it waits for next. */
struct pollfd greeting_wait(const struct greeting *greeting);

/* Go on until it is done or has failed. Returns OK or its error. */
must_check enum kith_error greeting_finish(struct greeting *greeting);

/* Overwrite what is secret; fine at any time, and twice. */
void greeting_wipe(struct greeting *greeting);

#endif
