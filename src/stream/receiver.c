/*
 * Owns the way from the connection to the outlet. Must never write a byte before its message has
 * been verified, nor drop one that has.
 */
#include "stream/receiver.h"

#include <errno.h>
#include <sys/socket.h>

enum kith_error receiver_start(struct receiver *receiver, struct channel *channel, int net,
                               struct outlet outlet)
{
    *receiver = (struct receiver){.channel = channel, .net = net, .outlet = outlet};
    return buffer_make(&receiver->arrived, buffer_size_for(channel_frame_max(channel)));
}

void receiver_free(struct receiver *receiver)
{
    buffer_free(&receiver->arrived);
}

bool receiver_wants_net(const struct receiver *receiver)
{
    return !receiver->closed && receiver->piece_count == 0;
}

bool receiver_wants_outlet(const struct receiver *receiver)
{
    return receiver->piece_count > 0;
}

void receiver_read(struct receiver *receiver)
{
    struct buffer *arrived = &receiver->arrived;
    ssize_t n = recv(receiver->net, arrived->bytes + arrived->end, arrived->size - arrived->end,
                     MSG_DONTWAIT);

    if (n > 0) {
        buffer_extend(arrived, (size_t)n);
        receiver->net_total += (uint64_t)n;
    } else if (n == 0) {
        receiver->closed = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        receiver->closed = true;
        receiver->closed_errno = errno;
    }
}

/* Take one message that is here whole. */
static enum kith_error open_one(struct receiver *receiver, size_t body_len)
{
    struct buffer *arrived = &receiver->arrived;
    uint8_t *body = arrived->bytes + arrived->start + FRAME_HEADER_SIZE;
    enum channel_event event;
    enum kith_error error = channel_open(receiver->channel, body, body_len, &event);

    if (error != OK)
        return error;
    arrived->start += FRAME_HEADER_SIZE + body_len;
    if (event != CHANNEL_DATA)
        return OK;
    if (receiver->outlet.kind == OUTLET_NONE)
        return ERR_NOT_WANTED;
    receiver->pieces[receiver->piece_count++] = (struct iovec){body, body_len - TAG_SIZE};
    return OK;
}

/* Open all messages that are here whole, up to the first bad one. */
static enum kith_error open_arrived(struct receiver *receiver)
{
    struct buffer *arrived = &receiver->arrived;
    enum kith_error error = OK;

    while (error == OK && receiver->piece_count < PIECES_MAX) {
        size_t held = arrived->end - arrived->start;
        size_t body_len;

        if (held < FRAME_HEADER_SIZE)
            break;
        error = channel_frame_length(receiver->channel, arrived->bytes + arrived->start, &body_len);
        if (error != OK || held < FRAME_HEADER_SIZE + body_len)
            break;
        error = open_one(receiver, body_len);
    }
    return error;
}

/* Drop the first n bytes of the pieces: they are written. */
static void consume(struct receiver *receiver, size_t n)
{
    receiver->total += n;
    while (n > 0) {
        struct iovec *piece = &receiver->pieces[receiver->first_piece];
        size_t part = n < piece->iov_len ? n : piece->iov_len;

        piece->iov_base = (uint8_t *)piece->iov_base + part;
        piece->iov_len -= part;
        n -= part;
        if (piece->iov_len == 0)
            receiver->first_piece++;
    }
    if (receiver->first_piece == receiver->piece_count)
        receiver->first_piece = receiver->piece_count = 0;
}

/* Once no piece refers to the buffer: make room behind what is not opened yet. */
static void make_room(struct receiver *receiver)
{
    struct buffer *arrived = &receiver->arrived;
    size_t frame = channel_frame_max(receiver->channel);

    if (arrived->start == arrived->end || arrived->size - arrived->start < frame)
        buffer_compact(arrived);
}

/* Write what was opened, and once the peer's end is reached, pass it on. */
static enum kith_error write_opened(struct receiver *receiver)
{
    if (receiver->outlet.kind == OUTLET_GONE)
        receiver->first_piece = receiver->piece_count = 0;
    while (receiver->piece_count > 0) {
        ssize_t n = outlet_write(&receiver->outlet, receiver->pieces + receiver->first_piece,
                                 receiver->piece_count - receiver->first_piece);

        if (n >= 0)
            consume(receiver, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return OK;
        else if (errno != EINTR)
            return errno == EPIPE ? ERR_STDOUT_CLOSED : ERR_STDOUT;
    }
    make_room(receiver);
    if (receiver->channel->receiving.state == STREAM_OPEN || outlet_end(&receiver->outlet) ||
        errno == EAGAIN)
        return OK;
    return errno == EPIPE ? ERR_STDOUT_CLOSED : ERR_STDOUT;
}

enum kith_error receiver_take(struct receiver *receiver)
{
    enum kith_error opened, written;

    do {
        opened = open_arrived(receiver);
        bool some = receiver_wants_outlet(receiver);

        written = write_opened(receiver);
        if (!some)
            break;
    } while (opened == OK && written == OK && !receiver_wants_outlet(receiver));
    return written != OK ? written : opened;
}

bool receiver_awaits_taking(const struct receiver *receiver)
{
    return receiver->outlet.told && receiver->outlet.fd >= 0;
}

bool receiver_delivered(const struct receiver *receiver)
{
    return receiver->channel->receiving.state != STREAM_OPEN && receiver->piece_count == 0 &&
           receiver->outlet.fd < 0;
}

bool receiver_is_cut(const struct receiver *receiver)
{
    return receiver->closed &&
           (receiver->closed_errno != 0 || receiver->channel->receiving.state != STREAM_RECEIPTED);
}

enum kith_error receiver_cut(const struct receiver *receiver)
{
    switch (receiver->channel->receiving.state) {
    case STREAM_OPEN:
        return ERR_CUT_DATA;
    case STREAM_ENDED:
        return ERR_CUT_RECEIPT;
    case STREAM_RECEIPTED:
        break;
    }
    return channel_whole(receiver->channel) ? OK : ERR_CUT_OUR_RECEIPT;
}

void receiver_rest(struct receiver *receiver)
{
    if (receiver->piece_count == 0)
        buffer_rest(&receiver->arrived);
}
