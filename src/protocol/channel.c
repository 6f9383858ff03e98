/*
 * Owns the order of messages and the stream's rules. Must never use a nonce twice, and must never
 * let a message count before its tag is verified.
 */
#include "protocol/channel.h"

#include <string.h>

#include "protocol/record.h"

enum kith_error channel_start(struct channel *channel, const struct session_keys *keys,
                              size_t max_message_size)
{
    memset(channel, 0, sizeof(*channel));
    channel->max_message_size = max_message_size;
    channel->sending.aead = crypto_aead_new(keys->send, true);
    channel->receiving.aead = crypto_aead_new(keys->receive, false);
    if (channel->sending.aead == NULL || channel->receiving.aead == NULL) {
        channel_wipe(channel);
        return ERR_MEMORY;
    }
    return OK;
}

size_t channel_frame_max(const struct channel *channel)
{
    size_t most = channel->max_message_size;

    return (most < RECORD_MAX ? RECORD_MAX : most) + FRAME_OVERHEAD;
}

void channel_wipe(struct channel *channel)
{
    crypto_aead_free(channel->sending.aead);
    crypto_aead_free(channel->receiving.aead);
    memset(channel, 0, sizeof(*channel));
}

bool channel_next_nonce(uint8_t nonce[static NONCE_SIZE])
{
    size_t i = NONCE_SIZE;

    /*@ loop invariant i <= 12;
        loop invariant \forall integer k; 0 <= k < i ==> nonce[k] == \at(nonce[k], Pre);
        loop invariant \forall integer k; i <= k < 12 ==>
            nonce[k] == 0 && \at(nonce[k], Pre) == 255;
        loop assigns i, nonce[0 .. 11];
        loop variant i; */
    while (i > 0 && nonce[i - 1] == 255)
        nonce[--i] = 0;
    if (i == 0)
        return false;
    nonce[i - 1]++;
    return true;
}

static void advance(struct direction *direction)
{
    direction->nonces_used_up = !channel_next_nonce(direction->nonce);
}

static enum kith_error seal_frame(struct direction *direction, const uint8_t *plaintext, size_t len,
                                  uint8_t *frame)
{
    uint8_t *body = frame + FRAME_HEADER_SIZE;
    enum kith_error error;

    if (direction->nonces_used_up)
        return ERR_NONCES_USED_UP;
    error =
        crypto_seal(direction->aead, direction->nonce, NULL, 0, plaintext, len, body, body + len);
    if (error != OK)
        return error;
    advance(direction);
    store_u32be(frame, (uint32_t)(len + TAG_SIZE));
    return OK;
}

enum kith_error channel_seal(struct channel *channel, const uint8_t *plaintext, size_t len,
                             uint8_t *frame)
{
    if (channel->sending.state != STREAM_OPEN || len == 0 || len > channel->max_message_size)
        return ERR_OUT_OF_ORDER;
    return seal_frame(&channel->sending, plaintext, len, frame);
}

/* An empty message, which takes our direction to its next state. */
static enum kith_error seal_mark(struct channel *channel, enum stream_state next, uint8_t *frame)
{
    enum kith_error error = seal_frame(&channel->sending, frame + FRAME_HEADER_SIZE, 0, frame);

    if (error == OK)
        channel->sending.state = next;
    return error;
}

enum kith_error channel_seal_end(struct channel *channel, uint8_t *frame)
{
    if (channel->sending.state != STREAM_OPEN)
        return ERR_OUT_OF_ORDER;
    return seal_mark(channel, STREAM_ENDED, frame);
}

enum kith_error channel_seal_receipt(struct channel *channel, uint8_t *frame)
{
    if (channel->sending.state != STREAM_ENDED ||
        (channel->receiving.state != STREAM_ENDED && channel->receiving.state != STREAM_RECEIPTED))
        return ERR_OUT_OF_ORDER;
    return seal_mark(channel, STREAM_RECEIPTED, frame);
}

enum kith_error channel_frame_length(const struct channel *channel,
                                     const uint8_t header[static FRAME_HEADER_SIZE], size_t *len)
{
    size_t most = channel->max_message_size;

    if (channel->receiving.state == STREAM_NONE && most < RECORD_MAX)
        most = RECORD_MAX; /* a record is as long as it is, however small messages are to be */
    *len = load_u32be(header);
    if (*len < TAG_SIZE)
        return ERR_FRAME_SHORT;
    return *len - TAG_SIZE <= most ? OK : ERR_MESSAGE_TOO_LONG;
}

enum kith_error channel_split(const struct channel *channel, const uint8_t *arrived, size_t held,
                              size_t *body_len, bool *whole)
{
    enum kith_error error;

    *whole = false;
    if (held < FRAME_HEADER_SIZE)
        return OK;
    error = channel_frame_length(channel, arrived, body_len);
    *whole = error == OK && held - FRAME_HEADER_SIZE >= *body_len;
    return error;
}

/* What a verified message of len bytes means after those before it. */
static enum kith_error advance_stream(struct channel *channel, size_t len,
                                      enum channel_event *event)
{
    struct direction *receiving = &channel->receiving;

    if (receiving->state == STREAM_NONE) {
        *event = CHANNEL_RECORD;
        return OK;
    }
    if (receiving->state == STREAM_RECEIPTED)
        return ERR_AFTER_RECEIPT;
    if (len > 0) {
        *event = CHANNEL_DATA;
        return receiving->state == STREAM_OPEN ? OK : ERR_AFTER_END;
    }
    if (receiving->state == STREAM_OPEN) {
        receiving->state = STREAM_ENDED;
        *event = CHANNEL_END;
        return OK;
    }
    /* Nobody can have our end in hand before we have sent it. */
    if (channel->sending.state == STREAM_OPEN || channel->sending.state == STREAM_NONE)
        return ERR_EARLY_RECEIPT;
    receiving->state = STREAM_RECEIPTED;
    *event = CHANNEL_RECEIPT;
    return OK;
}

enum kith_error channel_open(struct channel *channel, uint8_t *body, size_t len,
                             enum channel_event *event)
{
    struct direction *receiving = &channel->receiving;
    enum kith_error error;

    if (receiving->over)
        return ERR_OUT_OF_ORDER;
    receiving->over = true; /* unless all is well */
    if (len < TAG_SIZE)
        return ERR_FRAME_SHORT;
    if (receiving->nonces_used_up)
        return ERR_NONCES_USED_UP;
    len -= TAG_SIZE;
    error = crypto_open(receiving->aead, receiving->nonce, NULL, 0, body, len, body + len, body);
    if (error != OK)
        return error;
    advance(receiving);
    error = advance_stream(channel, len, event);
    receiving->over = error != OK;
    return error;
}

bool channel_whole(const struct channel *channel)
{
    return channel->sending.state == STREAM_RECEIPTED &&
           channel->receiving.state == STREAM_RECEIPTED;
}

void channel_carry_records(struct channel *channel)
{
    channel->sending.state = STREAM_NONE;
    channel->receiving.state = STREAM_NONE;
}

void direction_begin(struct direction *direction)
{
    direction->state = STREAM_OPEN;
}

enum kith_error channel_seal_record(struct channel *channel, const uint8_t *record, size_t len,
                                    uint8_t *frame)
{
    if (channel->sending.state != STREAM_NONE || len == 0 || len > RECORD_MAX)
        return ERR_OUT_OF_ORDER;
    return seal_frame(&channel->sending, record, len, frame);
}
