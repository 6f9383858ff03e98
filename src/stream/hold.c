/*
 * Owns the byte that is left unread in a UNIX socket. Must never keep from the reader what has
 * come, nor have it poll in vain.
 */
#define _GNU_SOURCE /* SO_PEEK_OFF */
#include "stream/hold.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/descriptor.h"
#include "net/socket.h"

#define WASTE_SIZE 8192
#define WASTE_PIECES 16
#define BURST_MOST 512     /* bytes in a piece that take little of any send buffer */
#define BURST_PAUSE_MS 250 /* what comes later is another burst */
#define RELENT_MS 1000     /* after a larger one */
#define PROMPT_MS 100      /* in which who was waiting for room has used it */

#ifdef __linux__
/* Have news of the socket come by itself, and what is left in it not be read twice. */
static bool watch(struct hold *hold)
{
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    int from_start = 0;

    hold->news_fd = epoll_create1(EPOLL_CLOEXEC);
    return hold->news_fd >= 0 &&
           setsockopt(hold->fd, SOL_SOCKET, SO_PEEK_OFF, &from_start, sizeof(from_start)) == 0 &&
           epoll_ctl(hold->news_fd, EPOLL_CTL_ADD, hold->fd, &wanted) == 0;
}

static void hear_news(const struct hold *hold)
{
    struct epoll_event news;

    (void)epoll_wait(hold->news_fd, &news, 1, 0);
}
#else
static bool watch(struct hold *hold)
{
    (void)hold;
    return false;
}

static void hear_news(const struct hold *hold)
{
    (void)hold;
}
#endif

struct hold hold_begin(int fd)
{
    struct hold hold = HOLD_NONE;

    hold.fd = fd;
    if (socket_is_unix(fd) && !watch(&hold))
        hold_end(&hold);
    return hold;
}

void hold_end(struct hold *hold)
{
    if (hold->news_fd >= 0)
        (void)close(hold->news_fd);
    hold->news_fd = -1;
}

bool hold_is_on(const struct hold *hold)
{
    return hold->news_fd >= 0;
}

int hold_poll_fd(const struct hold *hold)
{
    return hold->is_more ? hold->fd : hold->news_fd;
}

/* Take what was read out of the socket, but for the last of it: that many bytes. */
static void take_out_bytes(struct hold *hold, size_t but)
{
    uint8_t waste[WASTE_SIZE]; /* written over and over */
    struct iovec pieces[WASTE_PIECES];

    while (hold->held > but) {
        size_t left = hold->held - but;
        int count = 0;
        ssize_t n;

        for (; left > 0 && count < WASTE_PIECES; count++) {
            size_t part = left < WASTE_SIZE ? left : WASTE_SIZE;

            /* cppcheck-suppress legacyUninitvar ; it is only written to */
            pieces[count] = (struct iovec){waste, part};
            left -= part;
        }
        n = readv(hold->fd, pieces, count);
        if (n == 0 || (n < 0 && errno != EINTR))
            break; /* which cannot be: they are there */
        hold->held -= n > 0 ? (size_t)n : 0;
    }
}

/* Look at what has come: how much it is at once, and so how long its last byte may be held. */
static void note_burst(struct hold *hold, size_t len)
{
    int64_t now_ms = clock_now_ms();

    if (now_ms - hold->came_ms > BURST_PAUSE_MS)
        hold->burst = 0;
    hold->burst += len;
    hold->came_ms = now_ms;
    hold->let_go_due_ms = hold->burst > BURST_MOST ? now_ms + RELENT_MS : NEVER_MS;
}

/* Whether the program had waited for the byte to be let go. */
static bool had_waited(const struct hold *hold)
{
    return hold->let_go_ms != NEVER_MS && clock_now_ms() - hold->let_go_ms <= PROMPT_MS;
}

/*
 * The news is heard first, so that what comes while we read is news again; but we may stop before
 * all of it is read.
 */
ssize_t hold_read(struct hold *hold, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t n;

    if (had_waited(hold)) {
        hold_end(hold);
        return readv(hold->fd, pieces, count);
    }
    if (!hold->is_more)
        hear_news(hold);
    n = recvmsg(hold->fd, &message, MSG_PEEK | MSG_DONTWAIT);
    hold->is_more = n > 0 || (n < 0 && !descriptor_would_wait(errno));
    if (n > 0) {
        hold->held += (size_t)n;
        hold->let_go_ms = NEVER_MS;
        note_burst(hold, (size_t)n);
        take_out_bytes(hold, 1);
    }
    return n;
}

int64_t hold_due_ms(const struct hold *hold)
{
    return hold_is_on(hold) && !hold->is_more ? hold->let_go_due_ms : NEVER_MS;
}

void hold_relent(struct hold *hold)
{
    if (clock_now_ms() < hold_due_ms(hold))
        return;
    take_out_bytes(hold, 0);
    hold->let_go_due_ms = NEVER_MS;
    hold->let_go_ms = clock_now_ms();
}

void hold_let_go(struct hold *hold)
{
    take_out_bytes(hold, 0);
}
