/*
 * A UNIX socket that is read, and of which one byte always stays unread. There is no reset of such
 * a one but this: when it is closed, by us or because we were killed, its other side is told of the
 * reset if something was unread, and else sees an end. A program that has said nothing at all can
 * only see an end. Linux only; elsewhere nothing is held.
 *
 * Linux counts a piece of which a byte is unread as a whole against the program's send buffer, and
 * one with a small buffer would wait for room that never comes. So after much was said at once and
 * then nothing for a second, the byte is let go; and if the program goes on in that moment, it was
 * waiting, and nothing is held any more.
 */
#ifndef KITH_HOLD_H
#define KITH_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/clock.h"

struct hold {
    int fd;       /* the socket */
    int news_fd;  /* ready once more has come, which the socket always is; -1 while nothing is held
                   */
    bool is_more; /* there may be more already, of which no news will come */
    size_t held;  /* bytes that were read and are in the socket still */

    size_t burst;          /* bytes that came without a pause */
    int64_t came_ms;       /* when the last of them did */
    int64_t let_go_due_ms; /* when the byte is let go, or NEVER_MS */
    int64_t let_go_ms;     /* when it was, until more has come; or NEVER_MS */
};

/* Nothing is held. */
#define HOLD_NONE                                                                                  \
    ((struct hold){.fd = -1, .news_fd = -1, .let_go_due_ms = NEVER_MS, .let_go_ms = NEVER_MS})

/* Begin to hold, if it is a UNIX socket and the system lets us; nothing of it was read before. */
struct hold hold_begin(int fd);

/* Close what was needed for it; the socket and its byte stay as they are. Fine twice. */
void hold_end(struct hold *hold);

/* Whether one byte of what is read stays unread. */
bool hold_is_on(const struct hold *hold);

/* What to poll for reading, in the place of the socket. */
int hold_poll_fd(const struct hold *hold);

/* As readv(2) on a non-blocking descriptor, once there is news. */
ssize_t hold_read(struct hold *hold, struct iovec *pieces, int count);

/*
 * While we wait for more: when the byte is to be let go, or NEVER_MS; and let it go if it is time.
 */
int64_t hold_due_ms(const struct hold *hold);
void hold_relent(struct hold *hold);

/* All is well: the other side will see an end. */
void hold_let_go(struct hold *hold);

#endif
