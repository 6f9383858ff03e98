/*
 * The channel that a handshake leads to (kith-protocol(7), "Traffic" and "Stream"): messages sealed
 * and opened in order, and the rules of a stream with an end and a receipt. Pure.
 */
#ifndef KITH_CHANNEL_H
#define KITH_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/crypto.h"
#include "protocol/handshake.h"
#include "protocol/wire.h"

/* A frame is its plaintext and this many bytes: header before it, tag after it. */
#define FRAME_OVERHEAD (FRAME_HEADER_SIZE + TAG_SIZE)

/* How far one direction of the stream has come; on a kept channel, there may be none yet. */
enum stream_state { STREAM_OPEN, STREAM_ENDED, STREAM_RECEIPTED, STREAM_NONE };

/* One direction: its cipher, the next nonce, how far it is. */
struct direction {
    struct crypto_aead *aead;
    uint8_t nonce[NONCE_SIZE]; /* a counter, most significant byte first */
    bool nonces_used_up;
    bool over; /* a message was bad: none after it counts */
    enum stream_state state;
};

struct channel {
    struct direction sending;
    struct direction receiving;
    size_t max_message_size; /* bytes of plaintext */
};

/* What a message that was opened is. */
enum channel_event { CHANNEL_DATA, CHANNEL_END, CHANNEL_RECEIPT, CHANNEL_RECORD };

/*
 * Set the channel up; the keys are copied and remain the caller's to wipe. ERR_MEMORY leaves it
 * as inert as zeroed memory.
 */
must_check enum kith_error channel_start(struct channel *channel, const struct session_keys *keys,
                                         size_t max_message_size);

/* Bytes of the largest frame that may arrive: a message of the stream, or a record. */
size_t channel_frame_max(const struct channel *channel);

/* Wipe and free; fine on zeroed memory, and twice. */
void channel_wipe(struct channel *channel);

/*
 * Seal 1 to max_message_size bytes of the stream: frame takes len + FRAME_OVERHEAD. The plaintext
 * may be at frame + FRAME_HEADER_SIZE already. ERR_NONCES_USED_UP after 2^96 messages;
 * ERR_OUT_OF_ORDER after our end.
 */
must_check enum kith_error channel_seal(struct channel *channel, const uint8_t *plaintext,
                                        size_t len, uint8_t *frame);

/* Our stream's end: frame takes FRAME_OVERHEAD bytes. */
must_check enum kith_error channel_seal_end(struct channel *channel, uint8_t *frame);

/*
 * Our receipt: what the peer sent, its end included, is where it belongs. Only after its end and
 * our own: else ERR_OUT_OF_ORDER. frame takes FRAME_OVERHEAD bytes.
 */
must_check enum kith_error channel_seal_receipt(struct channel *channel, uint8_t *frame);

/*
 * The length of a frame's body from its header, to be checked before a byte of it is read.
 * ERR_FRAME_SHORT (an empty one, too), ERR_MESSAGE_TOO_LONG.
 */
must_check enum kith_error channel_frame_length(const struct channel *channel,
                                                const uint8_t header[static FRAME_HEADER_SIZE],
                                                size_t *len);

/*
 * What the held bytes that have arrived begin with. *whole: a frame, with a body of *body_len
 * bytes. Else more has to come, or the header is bad: the errors of channel_frame_length.
 */
must_check enum kith_error channel_split(const struct channel *channel, const uint8_t *arrived,
                                         size_t held, size_t *body_len, bool *whole);

/*
 * Step to the nonce after this one, in place; false if it was the last, and now there is none that
 * may be used.
 */
bool channel_next_nonce(uint8_t nonce[static NONCE_SIZE]);

/*
 * Open a frame's body of len bytes, as channel_frame_length gave it, in place: the plaintext is
 * its first len - TAG_SIZE bytes. ERR_TAMPERED, ERR_NONCES_USED_UP, ERR_AFTER_END,
 * ERR_AFTER_RECEIPT, ERR_EARLY_RECEIPT: then nothing of it may be used, and the channel is over.
 */
must_check enum kith_error channel_open(struct channel *channel, uint8_t *body, size_t len,
                                        enum channel_event *event);

/* Whether both sides have sent and received everything, end and receipt. */
bool channel_whole(const struct channel *channel);

/*
 * A kept channel (protocol/record.h): from its start, and once a stream is whole, it carries
 * records, until a stream begins in each direction for itself.
 */
void channel_carry_records(struct channel *channel);
void direction_begin(struct direction *direction);

/* Seal a record of 1 to RECORD_MAX bytes, as channel_seal does. ERR_OUT_OF_ORDER in a stream. */
must_check enum kith_error channel_seal_record(struct channel *channel, const uint8_t *record,
                                               size_t len, uint8_t *frame);

#endif
