/*
 * The messages of a meeting (protocol/meeting.h) over a transport.
 */
#ifndef KITH_MEETING_IO_H
#define KITH_MEETING_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/transport.h"
#include "protocol/meeting.h"

/* A message on its way to us; starts as zeroed memory. */
struct incoming {
    uint8_t frame[MEETING_VALUES_FRAME_MAX];
    size_t here; /* bytes of it */
};

/*
 * Take what there is of one message with a body of limit bytes at most, and nothing after it. *len
 * is the length of the body, which is at incoming_body, once it is whole; 0 before.
 * ERR_MEETING_MALFORMED, ERR_MEETING_CUT.
 */
must_check enum kith_error incoming_take(struct incoming *incoming,
                                         const struct transport *transport, size_t limit,
                                         size_t *len);

const uint8_t *incoming_body(const struct incoming *incoming);

/* The same for whoever waits for nothing else: also ERR_HANDSHAKE_TIMEOUT, ERR_SYSTEM. */
must_check enum kith_error incoming_await(struct incoming *incoming,
                                          const struct transport *transport, size_t limit,
                                          int64_t deadline_ms, size_t *len);

/* Send a frame by the deadline. ERR_MEETING_CUT, ERR_HANDSHAKE_TIMEOUT. */
must_check enum kith_error meeting_send(const struct transport *transport, const uint8_t *frame,
                                        size_t len, int64_t deadline_ms);

#endif
