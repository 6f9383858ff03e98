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
#include "protocol/record.h"
#include "stream/buffer.h"

#define OPENING_MAX (1 + FRAME_OVERHEAD) /* bytes of a BEGIN, sealed */

/* How long our last words wait for a peer that takes none of them, nor closes. */
#define LINK_PATIENCE_MS 5000

/* How a stream is called in what both sides say of it: its session, and which one it is there. */
#define STREAM_ID_SIZE (2 * SESSION_ID_SIZE + 1 + 20 + 1)
void stream_id(char out[static STREAM_ID_SIZE], const uint8_t session[static SESSION_ID_SIZE],
               uint64_t nth);

struct link {
    struct transport transport; /* whoever made the link closes it, after link_close */
    struct channel channel;
    uint8_t id[SESSION_ID_SIZE];
    uint64_t streams;             /* that have begun on it */
    struct turn turn;             /* of a kept channel, once link_keep has said so */
    uint8_t opening[OPENING_MAX]; /* a BEGIN that goes with the first bytes of its stream */
    size_t opening_len;
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

/*
 * From here on it is kept: it carries records, and one stream after another between them
 * (protocol/record.h). Once a stream is whole, link_end_stream has it carry records again.
 */
void link_keep(struct link *link, enum side side);
void link_end_stream(struct link *link);

#define RECORDS_SAID_MAX 2 /* at once */

/*
 * Say records, in one write. ERR_OUT_OF_ORDER: it is not our turn. ERR_LINK_LOST: the transport
 * does not take them, and is of no more use.
 */
must_check enum kith_error link_say(struct link *link, const struct record *records, size_t count);

/*
 * The same of one record, where the next one follows at once (transport_write_ahead).
 */
must_check enum kith_error link_say_ahead(struct link *link, const struct record *record);

/*
 * Our stream begins: the record that says so is sent with its first bytes, or alone if there are
 * none yet. ERR_OUT_OF_ORDER.
 */
must_check enum kith_error link_begin(struct link *link);

/* Hand that record over to whoever sends the stream: how many bytes it is. Once. */
size_t link_take_opening(struct link *link, uint8_t out[static OPENING_MAX]);

/* Whether something of the peer's is here that was not heard yet. */
bool link_has_more(const struct link *link);

/*
 * Hear the next record: read if none is here, and *heard tells whether one has come. What is of no
 * interest any more is RECORD_NONE. The errors of link_open and turn_hear; ERR_LINK_LOST once the
 * transport brings no more.
 */
must_check enum kith_error link_hear(struct link *link, struct record *record, bool *heard);

/* Wait for that until a deadline, at which *heard is false. */
must_check enum kith_error link_await(struct link *link, struct record *record, bool *heard,
                                      int64_t deadline_ms);

/*
 * It has nothing to do for a while, or is another thread's from here on: give back what memory it
 * can, and leave nothing of its keys on the stack of this thread.
 */
void link_hand_on(struct link *link);

/* Nothing refers to what was opened any more: make room after what was not. */
void link_compact(struct link *link);

/*
 * Once we have said our last word: our side is shut down and the peer's close awaited, so that what
 * we have said is not lost to a reset, for as long as the peer takes it. Whatever happens to the
 * transport then changes nothing, but a peer that goes on talking once all is confirmed is not one
 * that speaks the protocol: then an error of link_open.
 */
enum kith_error link_part(struct link *link);

/* Wipe and free what it holds; nothing is said. */
void link_close(struct link *link);

#endif
