/*
 * Owns the writing to what others share. Must never wait without a deadline, nor change the mode
 * of a descriptor that was given to us.
 */
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

/* A terminal, and not the other side of one: opened anew, that would be another terminal. */
static bool is_terminal(int fd)
{
#ifdef TIOCGPTN
    unsigned number;

    if (ioctl(fd, TIOCGPTN, &number) == 0)
        return false;
#endif
    return isatty(fd) == 1;
}

int descriptor_open_anew(int fd)
{
    struct stat status;
    char path[32];

    if (fstat(fd, &status) != 0 || !(S_ISFIFO(status.st_mode) || is_terminal(fd)))
        return -1;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* Linux's way, absent elsewhere */
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

ssize_t descriptor_write(int fd, const void *bytes, size_t len)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    ssize_t n = send(fd, bytes, len, MSG_DONTWAIT);

    if (n >= 0 || errno != ENOTSOCK)
        return n;
    /* What polls as writable takes PIPE_BUF bytes without blocking, and that is all it promises. */
    if (poll(&wait, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
}

bool descriptor_write_by(int fd, const void *bytes, size_t len, int64_t deadline_ms)
{
    const char *at = bytes;

    while (len > 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        ssize_t n = descriptor_write(fd, at, len);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (clock_now_ms() >= deadline_ms)
                return false;
            (void)poll(&wait, 1, clock_poll_timeout(deadline_ms));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}
