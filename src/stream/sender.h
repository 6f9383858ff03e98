/*
 * Our direction of the stream: what is read from the input, sealed, and sent.
 */
#ifndef KITH_SENDER_H
#define KITH_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "protocol/channel.h"
#include "stream/buffer.h"
#include "stream/hold.h"

struct sender {
    struct channel *channel;
    int in; /* -1 once it has ended */
    bool in_is_socket;
    bool in_never_waits; /* to read it again takes no new poll: a file, or nobody writes any more */
    struct hold hold;    /* of in, if it is to be reset unless all is well */
    int net;
    bool broken;          /* the connection takes no more */
    struct buffer sealed; /* frames that wait to be sent */
    uint64_t total;       /* bytes of the stream sealed so far */
    uint64_t net_total;   /* bytes that the connection has taken */
};

/* in may be -1: nothing to say. ERR_MEMORY. */
must_check enum kith_error sender_start(struct sender *sender, struct channel *channel, int in,
                                        int net);
void sender_free(struct sender *sender);

/* Have the input, a local socket, see a reset when it is closed, unless it is let go before. */
void sender_hold(struct sender *sender);

/* What to poll for the input. */
int sender_input_fd(const struct sender *sender);

/* Whether the input should be read: it is open, and there is room for a message. */
bool sender_wants_input(const struct sender *sender);

/* Whether frames wait for the connection to take them. */
bool sender_wants_net(const struct sender *sender);

/*
 * Read once from the input, which is ready, and seal what came; an input that never waits is read
 * for as long as there is room. The input's end sets in to -1. ERR_STDIN with
 * errno; ERR_NONCES_USED_UP.
 */
must_check enum kith_error sender_read(struct sender *sender);

/*
 * Say our end once the input has ended, and our receipt when receipt_due; each once, and only
 * when there is room.
 */
must_check enum kith_error sender_mark(struct sender *sender, bool receipt_due);

/* Whether our end is said, and the connection has taken it. */
bool sender_has_ended(const struct sender *sender);

/* Send what waits, as far as the connection takes it. A connection that fails sets broken. */
void sender_flush(struct sender *sender);

/* Nothing is under way: give back the memory that will be needed again only then. */
void sender_rest(struct sender *sender);

#endif
