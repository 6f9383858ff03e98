/*
 * Owns the reading of one frame where no other is to be read with it. Must never wait, nor read a
 * byte that is not wanted.
 */
#include "calls/frame_in.h"

#include <errno.h>

#include "base/descriptor.h"
#include "protocol/wire.h"

enum kith_error frame_take(const struct transport *transport, enum frame_reach reach, size_t limit,
                           uint8_t *frame, size_t *here, size_t *whole)
{
    for (;;) {
        enum kith_error error = wire_frame_size(frame, *here, limit, whole);
        size_t most = reach == FRAME_ALONE ? *whole : FRAME_HEADER_SIZE + limit;
        ssize_t n;

        if (error != OK || *here >= *whole)
            return error;
        n = transport_read(transport, frame + *here, most - *here);
        if (n > 0) {
            *here += (size_t)n;
        } else if (n < 0 && descriptor_would_wait(errno)) {
            *whole = 0;
            return OK;
        } else if (n == 0 || errno != EINTR) {
            errno = n == 0 ? 0 : errno;
            return ERR_HANDSHAKE_CUT;
        }
    }
}
