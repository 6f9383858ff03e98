/*
 * The peer's direction of the stream: what arrives, is opened, and is written to the outlet.
 */
#ifndef KITH_RECEIVER_H
#define KITH_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "stream/link.h"
#include "stream/outlet.h"

#define PIECES_MAX 32 /* messages opened before any of them is written */

struct receiver {
    struct link *link;
    struct outlet *outlet;
    struct iovec pieces[PIECES_MAX]; /* opened, from first_piece on not written yet */
    int first_piece;
    int piece_count;
    uint64_t total;   /* bytes of the stream written so far */
    uint64_t carried; /* bytes that the transport has brought */
};

/* ERR_MEMORY. */
must_check enum kith_error receiver_start(struct receiver *receiver, struct link *link,
                                          struct outlet *outlet);

/* Whether the transport should be read: it is open, and all that came before is written. */
bool receiver_wants_transport(const struct receiver *receiver);

/* Whether verified data waits for the outlet. */
bool receiver_wants_outlet(const struct receiver *receiver);

/* Read once from the transport. */
void receiver_read(struct receiver *receiver);

/*
 * Open all that is here whole, up to the first bad message, and write it as far as the outlet takes
 * it; once the peer's end is reached, pass that on. The errors are those of link_open,
 * ERR_NOT_WANTED for data without an outlet, and ERR_OUTLET or ERR_OUTLET_CLOSED with errno. What
 * was opened before an error is good, and still to be written.
 */
must_check enum kith_error receiver_take(struct receiver *receiver);

/* Whether the outlet has all but may still lose it, so that it has to be asked again. */
bool receiver_awaits_taking(const struct receiver *receiver);

/* Whether all of the peer's stream, with its end, is where it belongs. */
bool receiver_delivered(const struct receiver *receiver);

/* Whether the transport has closed before it brought all: what follows a receipt is nothing. */
bool receiver_is_cut(const struct receiver *receiver);

/* Nothing is under way: give back the memory that will be needed again only then. */
void receiver_give_back(struct receiver *receiver);

#endif
