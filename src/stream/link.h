/*
 * What a handshake leaves: a channel on its transport, and what has come of it. A stream borrows
 * it (stream/pump.h), and it lives on after.
 */
#ifndef KITH_LINK_H
#define KITH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/transport.h"
#include "protocol/channel.h"
#include "stream/buffer.h"

struct link {
    struct transport transport; /* whoever made the link closes it, after link_close */
    struct channel channel;
    struct buffer arrived; /* from start: not opened yet; before: what was opened, in place */
    bool closed;           /* the transport brings no more; closed_errno is 0 for its end */
    int closed_errno;
};

/* The keys are taken, and wiped whatever happens. ERR_MEMORY. link_close has to follow. */
must_check enum kith_error link_start(struct link *link, struct transport transport,
                                      struct session_keys *keys, size_t max_message_size);

/* Before what arrives is read: have room for it. Fine twice. ERR_MEMORY. */
must_check enum kith_error link_make_room(struct link *link);

/* Read once from the transport: how many bytes have come. Its end or failure sets closed. */
size_t link_read(struct link *link);

/* A message that was opened: where its plaintext is, until the next read. */
struct message {
    enum channel_event event;
    uint8_t *bytes;
    size_t len;
};

/*
 * Open the next message, if it is here whole, which *opened tells. The errors are those of
 * channel_frame_length and channel_open.
 */
must_check enum kith_error link_open(struct link *link, struct message *message, bool *opened);

/* Nothing refers to what was opened any more: make room after what was not. */
void link_compact(struct link *link);

/*
 * The one end of a link. In order, which is when we have said our last word: our side is shut down
 * and the peer's close awaited, so that what we have said is not lost to a reset, for as long as
 * the peer takes it. Whatever happens to the transport then changes nothing, but a peer that goes
 * on talking once all is confirmed is not one that speaks the protocol: then an error of link_open.
 * In any case all is wiped.
 */
enum kith_error link_close(struct link *link, bool in_order);

#endif
