/*
 * Owns the way from the input to the transport. Must never send a byte of the stream unsealed,
 * and must never hold back what was read to wait for more: a keystroke is a message at once.
 */
#include "stream/sender.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/descriptor.h"

#define MESSAGES_MAX 32 /* that one read fills */

/*
 * Where the first frame begins, so that its plaintext is at a multiple of 64: some processors copy
 * many times slower to the first few bytes of a page (bench/README).
 */
#define FIRST_FRAME (64 - FRAME_HEADER_SIZE)

/* What goes before the first frame, in front of where that will be. */
static void put_opening(struct sender *sender)
{
    uint8_t opening[OPENING_MAX];
    size_t len = link_take_opening(sender->link, opening);

    sender->sealed.start = sender->sealed.end = FIRST_FRAME - len;
    memcpy(sender->sealed.bytes + sender->sealed.start, opening, len);
    buffer_extend(&sender->sealed, len);
}

/* Bytes of the largest frame of the stream. */
static size_t frame_max(const struct sender *sender)
{
    return sender->link->channel.max_message_size + FRAME_OVERHEAD;
}

enum kith_error sender_start(struct sender *sender, struct link *link, struct inlet *inlet,
                             size_t rate)
{
    enum kith_error error;

    *sender = (struct sender){.link = link, .inlet = inlet, .pace = {.rate = rate}};
    error = buffer_make(&sender->sealed, buffer_size_for(frame_max(sender)));
    if (error == OK)
        put_opening(sender);
    return error;
}

void sender_free(struct sender *sender)
{
    buffer_free(&sender->sealed);
}

static size_t room(const struct sender *sender)
{
    return sender->sealed.size - sender->sealed.end;
}

/* Whether there is input to come, and room for it. */
static bool has_use_for_input(const struct sender *sender)
{
    return sender->inlet->fd >= 0 && !sender->broken && room(sender) >= frame_max(sender);
}

/* How much of it may be read at once. The clock is asked only where there is a rate. */
static size_t portion(const struct sender *sender)
{
    return sender->pace.rate == 0 ? SIZE_MAX : pace_portion(&sender->pace, clock_now_us());
}

bool sender_wants_input(const struct sender *sender)
{
    return has_use_for_input(sender) && portion(sender) > 0;
}

int64_t sender_due_ms(const struct sender *sender)
{
    return has_use_for_input(sender) && portion(sender) == 0 ? pace_due_ms(&sender->pace)
                                                             : NEVER_MS;
}

bool sender_wants_transport(const struct sender *sender)
{
    return sender->sealed.end > sender->sealed.start && !sender->broken;
}

/* Room for messages, each where its frame will be. Returns how many there are. */
static int lay_out(const struct sender *sender, struct iovec slots[static MESSAGES_MAX])
{
    size_t message = sender->link->channel.max_message_size;
    size_t frame = frame_max(sender);
    size_t fit = room(sender) / frame;
    size_t most = portion(sender);
    uint8_t *at = sender->sealed.bytes + sender->sealed.end + FRAME_HEADER_SIZE;
    int count = 0;

    for (; fit > 0 && most > 0 && count < MESSAGES_MAX; fit--, count++, at += frame) {
        size_t len = most < message ? most : message;

        slots[count] = (struct iovec){at, len};
        most -= len;
    }
    return count;
}

/* Seal what was read into the slots, n bytes of it. */
static enum kith_error seal_all(struct sender *sender, const struct iovec *slots, int count,
                                size_t n)
{
    enum kith_error error = OK;

    for (int i = 0; i < count && n > 0; i++) {
        size_t len = n < slots[i].iov_len ? n : slots[i].iov_len;
        uint8_t *message = slots[i].iov_base;

        if (error == OK)
            error = channel_seal(&sender->link->channel, message, len, message - FRAME_HEADER_SIZE);
        if (error == OK) {
            buffer_extend(&sender->sealed, len + FRAME_OVERHEAD);
            sender->total += len;
        } else {
            crypto_wipe(message, len);
        }
        n -= len;
    }
    return error;
}

/* Read once, and seal what came. */
static enum kith_error read_messages(struct sender *sender)
{
    struct iovec slots[MESSAGES_MAX];
    int count = lay_out(sender, slots);
    ssize_t n = inlet_read(sender->inlet, slots, count);

    if (n < 0)
        return descriptor_would_wait(errno) || errno == EINTR ? OK : ERR_INLET;
    if (sender->pace.rate > 0)
        pace_spend(&sender->pace, (size_t)n, clock_now_us());
    return seal_all(sender, slots, count, (size_t)n);
}

enum kith_error sender_read(struct sender *sender)
{
    enum kith_error error;
    uint64_t before;

    do {
        before = sender->total;
        error = read_messages(sender);
    } while (error == OK && sender->total > before && sender_wants_input(sender) &&
             inlet_may_have_more(sender->inlet));
    return error;
}

bool sender_has_ended(const struct sender *sender)
{
    return sender->link->channel.sending.state != STREAM_OPEN && !sender_wants_transport(sender);
}

enum kith_error sender_mark(struct sender *sender, bool end_due, bool receipt_due)
{
    struct buffer *sealed = &sender->sealed;
    struct channel *channel = &sender->link->channel;
    enum kith_error error = OK;

    if (end_due && sender->inlet->fd < 0 && channel->sending.state == STREAM_OPEN &&
        room(sender) >= FRAME_OVERHEAD) {
        error = channel_seal_end(channel, sealed->bytes + sealed->end);
        if (error == OK)
            buffer_extend(sealed, FRAME_OVERHEAD);
    }
    if (error == OK && receipt_due && channel->sending.state == STREAM_ENDED &&
        room(sender) >= FRAME_OVERHEAD) {
        error = channel_seal_receipt(channel, sealed->bytes + sealed->end);
        if (error == OK)
            buffer_extend(sealed, FRAME_OVERHEAD);
    }
    return error;
}

void sender_flush(struct sender *sender)
{
    struct buffer *sealed = &sender->sealed;

    while (sender_wants_transport(sender)) {
        ssize_t n = transport_write(&sender->link->transport, sealed->bytes + sealed->start,
                                    sealed->end - sealed->start);

        if (n >= 0) {
            sealed->start += (size_t)n;
            sender->carried += (uint64_t)n;
        } else if (descriptor_would_wait(errno)) {
            return;
        } else if (errno != EINTR) {
            sender->broken = true;
        }
    }
    if (sealed->start == sealed->end)
        sealed->start = sealed->end = FIRST_FRAME;
}

void sender_give_back(struct sender *sender)
{
    buffer_give_back(&sender->sealed);
}
