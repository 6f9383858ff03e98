/*
 * A small frame on its way to us over a transport, before there is a link.
 */
#ifndef KITH_FRAME_IN_H
#define KITH_FRAME_IN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/transport.h"

/* How far is read: to its end, since what follows is somebody else's; or what follows as well, as
 * far as there is room, since nothing may before it is answered. */
enum frame_reach { FRAME_ALONE, FRAME_AND_MORE };

/*
 * Take what there is of one frame, whose body has limit bytes at most, to what is at frame already:
 * *here bytes, in the room of the largest. OK: *whole is its size, or 0 while it is not whole.
 * ERR_FRAME_EMPTY, ERR_FRAME_TOO_LONG; ERR_HANDSHAKE_CUT with errno, which is 0 at an end.
 */
must_check enum kith_error frame_take(const struct transport *transport, enum frame_reach reach,
                                      size_t limit, uint8_t *frame, size_t *here, size_t *whole);

#endif
