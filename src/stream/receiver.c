/*
 * Owns the way from the transport to the outlet. Must never write a byte before its message has
 * been verified, nor drop one that has.
 */
#include "stream/receiver.h"

#include <errno.h>

#include "base/descriptor.h"

enum kith_error receiver_start(struct receiver *receiver, struct link *link, struct outlet *outlet)
{
    *receiver = (struct receiver){.link = link, .outlet = outlet};
    return link_make_room(link);
}

bool receiver_wants_transport(const struct receiver *receiver)
{
    return !receiver->link->closed && receiver->piece_count == 0;
}

bool receiver_wants_outlet(const struct receiver *receiver)
{
    return receiver->piece_count > 0;
}

void receiver_read(struct receiver *receiver)
{
    receiver->carried += link_read(receiver->link);
}

/*
 * Open all messages that are here whole, up to the first bad one. What follows once the channel is
 * whole is not of this stream, and left to the link.
 */
static enum kith_error open_arrived(struct receiver *receiver)
{
    struct link *link = receiver->link;
    enum kith_error error = OK;
    bool opened = true;

    while (opened && receiver->piece_count < PIECES_MAX && !channel_whole(&link->channel)) {
        struct message message;

        error = link_open(link, &message, &opened);
        if (!opened || message.event != CHANNEL_DATA)
            continue;
        if (receiver->outlet->kind == OUTLET_NONE)
            return ERR_NOT_WANTED;
        receiver->pieces[receiver->piece_count++] = (struct iovec){message.bytes, message.len};
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

/* Write what was opened, and once the peer's end is reached, pass it on. */
static enum kith_error write_opened(struct receiver *receiver)
{
    if (receiver->outlet->kind == OUTLET_GONE)
        receiver->first_piece = receiver->piece_count = 0;
    while (receiver->piece_count > 0) {
        ssize_t n = outlet_write(receiver->outlet, receiver->pieces + receiver->first_piece,
                                 receiver->piece_count - receiver->first_piece);

        if (n >= 0)
            consume(receiver, (size_t)n);
        else if (descriptor_would_wait(errno))
            return OK;
        else if (errno != EINTR)
            return errno == EPIPE ? ERR_OUTLET_CLOSED : ERR_OUTLET;
    }
    link_compact(receiver->link);
    if (receiver->link->channel.receiving.state == STREAM_OPEN || outlet_end(receiver->outlet) ||
        errno == EAGAIN)
        return OK;
    return errno == EPIPE ? ERR_OUTLET_CLOSED : ERR_OUTLET;
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
    return receiver->outlet->told && receiver->outlet->fd >= 0;
}

bool receiver_delivered(const struct receiver *receiver)
{
    return receiver->link->channel.receiving.state != STREAM_OPEN && receiver->piece_count == 0 &&
           receiver->outlet->fd < 0;
}

bool receiver_is_cut(const struct receiver *receiver)
{
    const struct link *link = receiver->link;

    return link->closed &&
           (link->closed_errno != 0 || link->channel.receiving.state != STREAM_RECEIPTED);
}

void receiver_give_back(struct receiver *receiver)
{
    if (receiver->piece_count == 0)
        buffer_give_back(&receiver->link->arrived);
}
