/*
 * Owns the carrying of a meeting's messages. Must never read a byte after the one that is awaited:
 * it may be a handshake's.
 */
#include "calls/meeting_io.h"

#include <errno.h>
#include <poll.h>

#include "base/descriptor.h"
#include "calls/frame_in.h"

const uint8_t *incoming_body(const struct incoming *incoming)
{
    return incoming->frame + FRAME_HEADER_SIZE;
}

enum kith_error incoming_take(struct incoming *incoming, const struct transport *transport,
                              size_t limit, size_t *len)
{
    size_t whole;
    enum kith_error error =
        frame_take(transport, FRAME_ALONE, limit, incoming->frame, &incoming->here, &whole);

    if (error != OK)
        return error == ERR_HANDSHAKE_CUT ? ERR_MEETING_CUT : ERR_MEETING_MALFORMED;
    *len = whole > 0 ? whole - FRAME_HEADER_SIZE : 0;
    return OK;
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
    enum kith_error error = incoming_take(incoming, transport, limit, len);

    while (error == OK && *len == 0) {
        error = await(transport->in, POLLIN, deadline_ms);
        if (error == OK)
            error = incoming_take(incoming, transport, limit, len);
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
