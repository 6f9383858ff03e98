/*
 * A handshake over a transport: the messages of protocol/handshake.h carried without blocking, so
 * that many of them can be under way at once.
 */
#ifndef KITH_HANDSHAKE_IO_H
#define KITH_HANDSHAKE_IO_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/keeper.h"
#include "keys/secret_namespace.h"
#include "net/endpoint.h"
#include "net/transport.h"
#include "protocol/handshake.h"

/*
 * Asked by a listener, in the thread that steps its handshake, once a hello names a signer: whether
 * that key may call from there. What it says counts only once the signature is verified. caller is
 * what the handshake was given. If that key has a namespace of its own, whether it may call or not,
 * it takes the place of the run's.
 */
typedef enum kith_error handshake_admit(void *context, void *caller,
                                        const uint8_t signer[static KEY_SIZE],
                                        const struct endpoint *from, struct namespace *namespace);

/*
 * Told by a listener, likewise, once a hello is verified: signer has signed it at some time, and
 * its digest tells whether it was seen before. An error refuses it.
 */
typedef enum kith_error handshake_heard(void *caller, const uint8_t signer[static KEY_SIZE],
                                        const uint8_t hello_digest[static HASH_SIZE]);

/* What the handshakes of a run share; nothing in it changes while one may come. */
struct handshake_rules {
    struct handshake_params params;
    struct namespace namespace;
    kind_set listens; /* listener only: kinds of channels that may be called for */
    const struct keeper *keeper;
    handshake_admit *admit; /* listener only */
    void *admit_context;
    handshake_heard *heard; /* listener only; or NULL */
};

enum handshake_io_role { HANDSHAKE_IO_DIALS, HANDSHAKE_IO_LISTENS };

/* What it waits for, or how it ended. */
enum handshake_io_state {
    HANDSHAKE_IO_READS,
    HANDSHAKE_IO_WRITES,
    HANDSHAKE_IO_ASKS, /* the keeper for a signature */
    HANDSHAKE_IO_DONE,
    HANDSHAKE_IO_FAILED
};

struct handshake_io {
    const struct handshake_rules *rules;
    enum handshake_io_role role;
    enum handshake_io_state state;
    enum kith_error error;      /* once it has failed */
    struct transport transport; /* which is not closed with it */
    int64_t deadline_ms;
    enum channel_kind kind; /* listener: of a hello that is verified */
    struct endpoint peer;
    void *caller; /* whom the handshake is of, for admit and heard of the rules */
    struct handshake handshake;
    struct session_keys keys; /* once it is done; wipe with handshake_io_wipe */
    bool check_only;          /* a dialer that stops once the listener is proven */
    int64_t called_us;        /* dialer: before message 1 was sent, and when message 2 had come */
    int64_t answered_us;
    uint64_t answered_wall_ms;

    unsigned message;                   /* the one under way: 1, 2 or 3 */
    uint8_t frame[MESSAGE_2_FRAME_MAX]; /* the largest of the three */
    size_t frame_len;                   /* when sending, its length; when receiving, what is here */
    size_t frame_sent;
    uint8_t info[INFO_MAX]; /* that is to be signed */
    size_t info_len;
    int answer_fd; /* where the signature comes; -1 while the keeper could not be asked */
};

/* Whom a dialer calls, and for what. */
struct handshake_callee {
    const uint8_t *key;
    enum channel_kind kind;
    const struct secret_namespace *own; /* its own namespace; NULL for that of the run */
};

/*
 * Start to call somebody, which says message 1 and reads nothing yet, or to hear who calls, over a
 * transport. What fails at once is found in state and error.
 */
void handshake_io_dial(struct handshake_io *io, const struct handshake_rules *rules,
                       const struct handshake_callee *callee, struct transport transport,
                       const struct endpoint *to, int64_t deadline_ms);
void handshake_io_listen(struct handshake_io *io, const struct handshake_rules *rules,
                         struct transport transport, const struct endpoint *from,
                         int64_t deadline_ms);

/*
 * What it waits for, as poll takes it, until its deadline_ms: not the same descriptor each time.
 */
struct pollfd handshake_io_wait(const struct handshake_io *io);

/* Go on as far as transport and the keeper allow; the deadline is looked at, too. */
enum handshake_io_state handshake_io_step(struct handshake_io *io);

/* Go on until it is done or has failed. Returns OK or its error. */
must_check enum kith_error handshake_io_finish(struct handshake_io *io);

/* Have it fail for a reason that is not its own. */
void handshake_io_fail(struct handshake_io *io, enum kith_error error);

/* Overwrite what is secret; fine at any time, and twice. */
void handshake_io_wipe(struct handshake_io *io);

#endif
