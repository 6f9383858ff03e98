/*
 * Owns the carrying of a meeting's messages. Must never read a byte after the one that is awaited:
 * it may be a handshake's.
 */
#include "calls/meeting_io.h"

#include <errno.h>
#include <poll.h>

#include "base/descriptor.h"

const uint8_t *incoming_body(const struct incoming *incoming)
{
    return incoming->frame + FRAME_HEADER_SIZE;
}

enum incoming_state incoming_take(struct incoming *incoming, const struct transport *transport,
                                  size_t limit, size_t *len, enum kith_error *error)
{
    for (;;) {
        size_t whole;
        ssize_t n;

        *error = ERR_MEETING_MALFORMED;
        if (wire_frame_size(incoming->frame, incoming->here, limit, &whole) != OK)
            return INCOMING_FAILED;
        *len = whole - FRAME_HEADER_SIZE;
        if (incoming->here == whole && whole > FRAME_HEADER_SIZE)
            return INCOMING_WHOLE;
        n = transport_read(transport, incoming->frame + incoming->here, whole - incoming->here);
        if (n > 0) {
            incoming->here += (size_t)n;
            continue;
        }
        *error = ERR_MEETING_CUT;
        if (n < 0 && descriptor_would_wait(errno))
            return INCOMING_LATER;
        if (n == 0 || errno != EINTR)
            return INCOMING_FAILED;
    }
}

static enum kith_error await(int fd, short events, int64_t deadline_ms)
{
    if (descriptor_await(fd, events, deadline_ms))
        return OK;
    return errno == ETIMEDOUT ? ERR_HANDSHAKE_TIMEOUT : ERR_SYSTEM;
}

enum kith_error incoming_await(struct incoming *incoming, const struct transport *transport,
                               size_t limit, int64_t deadline_ms, size_t *len)
{
    enum kith_error error = OK;

    while (error == OK) {
        enum incoming_state state = incoming_take(incoming, transport, limit, len, &error);

        if (state != INCOMING_LATER)
            return state == INCOMING_WHOLE ? OK : error;
        error = await(transport->in, POLLIN, deadline_ms);
    }
    return error;
}

enum kith_error meeting_send(const struct transport *transport, const uint8_t *frame, size_t len,
                             int64_t deadline_ms)
{
    size_t sent = 0;
    enum kith_error error = OK;

    while (error == OK && sent < len) {
        ssize_t n = transport_write(transport, frame + sent, len - sent);

        if (n >= 0)
            sent += (size_t)n;
        else if (descriptor_would_wait(errno))
            error = await(transport->out, POLLOUT, deadline_ms);
        else if (errno != EINTR)
            error = ERR_MEETING_CUT;
    }
    return error;
}
