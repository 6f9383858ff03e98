/*
 * Owns a channel and its transport, from the handshake to their end. Must never close before the
 * peer has had the time to take our last word, nor wait for one that takes nothing.
 */
#include "stream/link.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "stream/patience.h"

void stream_id(char out[static STREAM_ID_SIZE], const uint8_t session[static SESSION_ID_SIZE],
               uint64_t nth)
{
    char digits[2 * SESSION_ID_SIZE + 1];

    hex_encode(digits, session, SESSION_ID_SIZE);
    (void)snprintf(out, STREAM_ID_SIZE, "%s.%" PRIu64, digits, nth);
}

enum kith_error link_start(struct link *link, struct transport transport, struct session_keys *keys,
                           size_t max_message_size)
{
    enum kith_error error;

    *link = (struct link){.transport = transport};
    error = channel_start(&link->channel, keys, max_message_size);
    memcpy(link->id, keys->id, SESSION_ID_SIZE);
    session_keys_wipe(keys);
    return error;
}

enum kith_error link_make_room(struct link *link)
{
    if (link->arrived.bytes != NULL)
        return OK;
    return buffer_make(&link->arrived, buffer_size_for(channel_frame_max(&link->channel)));
}

size_t link_read(struct link *link)
{
    struct buffer *arrived = &link->arrived;
    ssize_t n = transport_read(&link->transport, arrived->bytes + arrived->end,
                               arrived->size - arrived->end);

    if (n > 0) {
        buffer_extend(arrived, (size_t)n);
        return (size_t)n;
    }
    if (n == 0) {
        link->closed = true;
    } else if (!descriptor_would_wait(errno) && errno != EINTR) {
        link->closed = true;
        link->closed_errno = errno;
    }
    return 0;
}

enum kith_error link_open(struct link *link, struct message *message, bool *opened)
{
    struct buffer *arrived = &link->arrived;
    uint8_t *frame = arrived->bytes + arrived->start;
    size_t held = arrived->end - arrived->start;
    enum kith_error error;
    size_t body_len;
    bool whole;

    *opened = false;
    error = channel_split(&link->channel, frame, held, &body_len, &whole);
    if (!whole)
        return error;
    message->bytes = frame + FRAME_HEADER_SIZE;
    message->len = body_len - TAG_SIZE;
    error = channel_open(&link->channel, message->bytes, body_len, &message->event);
    if (error != OK)
        return error;
    arrived->start += FRAME_HEADER_SIZE + body_len;
    *opened = true;
    return OK;
}

void link_compact(struct link *link)
{
    struct buffer *arrived = &link->arrived;

    if (arrived->start == arrived->end ||
        arrived->size - arrived->start < channel_frame_max(&link->channel))
        buffer_compact(arrived);
}

void link_keep(struct link *link, enum side side)
{
    link->turn = (struct turn){.side = side};
    channel_carry_records(&link->channel);
}

void link_end_stream(struct link *link)
{
    turn_end_stream(&link->turn);
    channel_carry_records(&link->channel);
}

static bool begins_stream(enum record_type type)
{
    return type == RECORD_ACCEPT || type == RECORD_BEGIN;
}

#define SAID_MAX (RECORD_MAX + FRAME_OVERHEAD) /* bytes of a record, sealed */

/* Seal a record that is to be said now; *len grows by its bytes. */
static enum kith_error seal(struct link *link, const struct record *record, uint8_t *out,
                            size_t *len)
{
    uint8_t bytes[RECORD_MAX];
    size_t size = record_write(bytes, record);
    enum kith_error error = turn_say(&link->turn, record->type);

    if (error == OK)
        error = channel_seal_record(&link->channel, bytes, size, out);
    if (error != OK)
        return error;
    *len += size + FRAME_OVERHEAD;
    if (begins_stream(record->type))
        direction_begin(&link->channel.sending);
    return OK;
}

typedef ssize_t transport_writer(const struct transport *transport, const void *bytes, size_t len);

/* Send what is sealed, all of it at once: it is small. */
static enum kith_error send_sealed(const struct link *link, transport_writer *write_to,
                                   const uint8_t *frames, size_t len)
{
    ssize_t n;

    do
        n = write_to(&link->transport, frames, len);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len ? OK : ERR_LINK_LOST;
}

enum kith_error link_say(struct link *link, const struct record *records, size_t count)
{
    uint8_t frames[RECORDS_SAID_MAX * SAID_MAX];
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        enum kith_error error = seal(link, &records[i], frames + len, &len);

        if (error != OK)
            return error;
    }
    return send_sealed(link, transport_write, frames, len);
}

enum kith_error link_say_ahead(struct link *link, const struct record *record)
{
    uint8_t frame[SAID_MAX];
    size_t len = 0;
    enum kith_error error = seal(link, record, frame, &len);

    return error == OK ? send_sealed(link, transport_write_ahead, frame, len) : error;
}

enum kith_error link_begin(struct link *link)
{
    const struct record begin_record = {.type = RECORD_BEGIN};

    return seal(link, &begin_record, link->opening, &link->opening_len);
}

size_t link_take_opening(struct link *link, uint8_t out[static OPENING_MAX])
{
    size_t len = link->opening_len;

    memcpy(out, link->opening, len);
    link->opening_len = 0;
    return len;
}

bool link_has_more(const struct link *link)
{
    return link->arrived.start < link->arrived.end;
}

/* The next record of those that are here. */
static enum kith_error take_record(struct link *link, struct record *record, bool *heard)
{
    struct message message;
    enum kith_error error;

    *heard = false;
    if (link->channel.receiving.state != STREAM_NONE)
        return ERR_OUT_OF_ORDER;
    error = link_open(link, &message, heard);
    if (error != OK || !*heard)
        return error;
    error = turn_hear(&link->turn, record, message.bytes, message.len);
    if (error == OK && begins_stream(record->type))
        direction_begin(&link->channel.receiving);
    return error;
}

/* What is here already, without a look at the transport. */
static enum kith_error hear_held(struct link *link, struct record *record, bool *heard)
{
    enum kith_error error = link_make_room(link);

    return error == OK ? take_record(link, record, heard) : error;
}

enum kith_error link_hear(struct link *link, struct record *record, bool *heard)
{
    enum kith_error error = hear_held(link, record, heard);

    if (error != OK || *heard)
        return error;
    link_compact(link);
    (void)link_read(link);
    error = take_record(link, record, heard);
    return error == OK && !*heard && link->closed ? ERR_LINK_LOST : error;
}

enum kith_error link_await(struct link *link, struct record *record, bool *heard,
                           int64_t deadline_ms)
{
    enum kith_error error = hear_held(link, record, heard);

    if (error != OK || *heard)
        return error;
    do {
        if (descriptor_await(link->transport.in, POLLIN, deadline_ms))
            error = link_hear(link, record, heard);
    } while (error == OK && !*heard && clock_now_ms() < deadline_ms);
    return error;
}

void link_hand_on(struct link *link)
{
    if (link->arrived.start == link->arrived.end)
        buffer_free(&link->arrived);
    crypto_wipe_stack();
}

/* Open what has come, and drop it: the stream is over. */
static enum kith_error drop_arrived(struct link *link)
{
    struct message message;
    enum kith_error error;
    bool opened;

    do
        error = link_open(link, &message, &opened);
    while (opened);
    link_compact(link);
    return error;
}

enum kith_error link_part(struct link *link)
{
    const struct transport *transport = &link->transport;
    struct patience patience = patience_with(LINK_PATIENCE_MS, transport_queued(transport));
    enum kith_error error = drop_arrived(link);

    transport_shut(transport);
    while (error == OK && !link->closed) {
        if (descriptor_await(transport->in, POLLIN, patience.until_ms)) {
            (void)link_read(link);
            error = drop_arrived(link);
        }
        if (!patience_lasts(&patience, transport_queued(transport)))
            break; /* it may talk on, until it hears our end, and yet take what it is told */
    }
    return error;
}

void link_close(struct link *link)
{
    channel_wipe(&link->channel);
    buffer_free(&link->arrived);
}
