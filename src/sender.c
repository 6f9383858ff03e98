/*
 * Owns the way from the input to the connection. Must never send a byte of the stream unsealed,
 * and must never hold back what was read to wait for more: a keystroke is a message at once.
 */
#include "sender.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_HELD 2 /* one is filled while the other waits for the connection */

/*
 * Where the first frame begins, so that its plaintext is at a multiple of 64: some processors copy
 * many times slower to the first few bytes of a page (bench/README).
 */
#define FIRST_FRAME (64 - FRAME_HEADER_SIZE)

enum kith_error sender_start(struct sender *sender, struct channel *channel, int in, int net)
{
    enum kith_error error;

    *sender = (struct sender){.channel = channel, .in = in, .net = net};
    error = buffer_make(&sender->sealed,
                        FIRST_FRAME + FRAMES_HELD * (channel->max_message_size + FRAME_OVERHEAD));
    sender->sealed.start = sender->sealed.end = FIRST_FRAME;
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

bool sender_wants_input(const struct sender *sender)
{
    return sender->in >= 0 && !sender->broken &&
           room(sender) >= sender->channel->max_message_size + FRAME_OVERHEAD;
}

bool sender_wants_net(const struct sender *sender)
{
    return sender->sealed.end > sender->sealed.start && !sender->broken;
}

/* Read and seal one message, if there is something. */
static enum kith_error read_message(struct sender *sender)
{
    struct buffer *sealed = &sender->sealed;
    uint8_t *frame = sealed->bytes + sealed->end;
    ssize_t n = read(sender->in, frame + FRAME_HEADER_SIZE, sender->channel->max_message_size);
    enum kith_error error;

    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? OK : ERR_STDIN;
    if (n == 0) {
        sender->in = -1;
        return OK;
    }
    error = channel_seal(sender->channel, frame + FRAME_HEADER_SIZE, (size_t)n, frame);
    if (error != OK) {
        crypto_wipe(frame, FRAME_HEADER_SIZE + (size_t)n);
        return error;
    }
    buffer_extend(sealed, (size_t)n + FRAME_OVERHEAD);
    sender->total += (uint64_t)n;
    return OK;
}

enum kith_error sender_read(struct sender *sender)
{
    enum kith_error error;
    uint64_t before;

    do {
        before = sender->total;
        error = read_message(sender);
    } while (error == OK && sender->total > before && sender->in_never_waits &&
             sender_wants_input(sender));
    return error;
}

enum kith_error sender_mark(struct sender *sender, bool receipt_due)
{
    struct buffer *sealed = &sender->sealed;
    const struct channel *channel = sender->channel;
    enum kith_error error = OK;

    if (sender->in < 0 && channel->sending.state == STREAM_OPEN && room(sender) >= FRAME_OVERHEAD) {
        error = channel_seal_end(sender->channel, sealed->bytes + sealed->end);
        buffer_extend(sealed, FRAME_OVERHEAD);
    }
    if (error == OK && receipt_due && channel->sending.state == STREAM_ENDED &&
        room(sender) >= FRAME_OVERHEAD) {
        error = channel_seal_receipt(sender->channel, sealed->bytes + sealed->end);
        buffer_extend(sealed, FRAME_OVERHEAD);
    }
    return error;
}

void sender_flush(struct sender *sender)
{
    struct buffer *sealed = &sender->sealed;

    while (sender_wants_net(sender)) {
        ssize_t n = send(sender->net, sealed->bytes + sealed->start, sealed->end - sealed->start,
                         MSG_DONTWAIT);

        if (n >= 0) {
            sealed->start += (size_t)n;
            sender->net_total += (uint64_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            sender->broken = true;
        }
    }
    if (sealed->start == sealed->end)
        sealed->start = sealed->end = FIRST_FRAME;
}

void sender_rest(struct sender *sender)
{
    buffer_rest(&sender->sealed);
}
