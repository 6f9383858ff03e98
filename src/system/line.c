/*
 * Owns the carrying of messages between our own processes. Must never leave a descriptor open
 * that nobody asked for.
 */
#define _DEFAULT_SOURCE /* CMSG_SPACE */
#include "system/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Room for the one descriptor that goes with a message, aligned as the macros want it. */
union control {
    struct cmsghdr header;
    unsigned char bytes[CMSG_SPACE(sizeof(int))];
};

static void attach(struct msghdr *message, union control *control, int passed)
{
    struct cmsghdr *header;

    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(passed));
    memcpy(CMSG_DATA(header), &passed, sizeof(passed));
}

/*
 * After a call that failed: whether it is worth another one. What cannot be done now is waited for
 * until the deadline.
 */
static bool may_go_on(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = fd, .events = events};

    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    (void)poll(&wait, 1, clock_poll_timeout(deadline_ms));
    return clock_now_ms() < deadline_ms;
}

bool line_send(int fd, const void *bytes, size_t len, int passed, int64_t deadline_ms)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        struct iovec piece = {(void *)(uintptr_t)at, len};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        union control control;
        ssize_t n;

        if (passed >= 0)
            attach(&message, &control, passed);
        n = sendmsg(fd, &message, MSG_DONTWAIT);
        if (n < 0 && may_go_on(fd, POLLOUT, deadline_ms))
            continue;
        if (n <= 0)
            return false;
        passed = -1;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Take the descriptor out of a message that was received. */
static void detach(struct msghdr *message, int *passed)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(fd)))
        return;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    if (passed == NULL) {
        (void)close(fd);
        return;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    *passed = fd;
}

size_t line_receive(int fd, void *bytes, size_t least, size_t most, int *passed,
                    int64_t deadline_ms)
{
    size_t here = 0;

    while (here < least) {
        struct iovec piece = {(uint8_t *)bytes + here, most - here};
        union control control;
        struct msghdr message = {
            .msg_iov = &piece,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = sizeof(control.bytes),
        };
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

        if (n < 0 && may_go_on(fd, POLLIN, deadline_ms))
            continue;
        if (n <= 0)
            return 0;
        detach(&message, passed);
        here += (size_t)n;
    }
    return here;
}
