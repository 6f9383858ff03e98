/*
 * Our direction of the stream: what is read from the input, sealed, and sent.
 */
#ifndef KITH_SENDER_H
#define KITH_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/buffer.h"
#include "stream/inlet.h"
#include "stream/link.h"
#include "stream/pace.h"

struct sender {
    struct link *link;
    struct inlet *inlet;
    bool broken;          /* the transport takes no more */
    struct buffer sealed; /* frames that wait to be sent */
    uint64_t total;       /* bytes of the stream sealed so far */
    uint64_t carried;     /* bytes that the transport has taken */
    struct pace pace;
};

/* With at most rate bytes of the stream a second, 0 for any number. ERR_MEMORY. */
must_check enum kith_error sender_start(struct sender *sender, struct link *link,
                                        struct inlet *inlet, size_t rate);
void sender_free(struct sender *sender);

/* Whether the input should be read: it is open, there is room for a message, and it is time. */
bool sender_wants_input(const struct sender *sender);

/* When it is time to, if that is what the input waits for; else NEVER_MS. */
int64_t sender_due_ms(const struct sender *sender);

/* Whether frames wait for the transport to take them. */
bool sender_wants_transport(const struct sender *sender);

/*
 * Read once from the input, which is ready, and seal what came; one that may have more without a
 * poll is read for as long as there is room. ERR_INLET with errno; ERR_NONCES_USED_UP.
 */
must_check enum kith_error sender_read(struct sender *sender);

/*
 * Say our end once the input has ended and end_due, and our receipt when receipt_due; each once,
 * and only when there is room.
 */
must_check enum kith_error sender_mark(struct sender *sender, bool end_due, bool receipt_due);

/* Whether our end is said, and the transport has taken it. */
bool sender_has_ended(const struct sender *sender);

/* Send what waits, as far as the transport takes it. One that fails sets broken. */
void sender_flush(struct sender *sender);

/* Nothing is under way: give back the memory that will be needed again only then. */
void sender_give_back(struct sender *sender);

#endif
