/*
 * A UNIX socket that is read, and of which one byte always stays unread. There is no reset of such
 * a one but this: when it is closed, by us or because we were killed, its other side is told of the
 * reset if something was unread, and else sees an end. A program that has said nothing at all can
 * only see an end. Linux only; elsewhere nothing is held.
 */
#ifndef KITH_HOLD_H
#define KITH_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct hold {
    int fd;       /* the socket */
    int news_fd;  /* ready once more has come, which the socket always is; -1 while nothing is held
                   */
    bool is_more; /* there may be more already, of which no news will come */
    size_t held;  /* bytes that were read and are in the socket still */
};

/* Nothing is held. */
#define HOLD_NONE ((struct hold){.fd = -1, .news_fd = -1})

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

/* All is well: the other side will see an end. */
void hold_let_go(struct hold *hold);

#endif
