/*
 * Owns the writing of what has arrived. Must never block, and must never change the mode of a
 * descriptor that other programs share.
 */
#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protect.h"

#ifndef PIPE_BUF
#define PIPE_BUF _POSIX_PIPE_BUF
#endif

struct outlet outlet_none(void)
{
    return (struct outlet){.kind = OUTLET_NONE, .fd = -1, .original_fd = -1, .left_fd = -1};
}

struct outlet outlet_socket(int fd)
{
    return (struct outlet){.kind = OUTLET_SOCKET, .fd = fd, .original_fd = -1, .left_fd = -1};
}

struct outlet outlet_program(int fd)
{
    return (struct outlet){
        .kind = OUTLET_PRIVATE, .fd = fd, .original_fd = -1, .left_fd = -1, .may_break = true};
}

struct outlet outlet_stdout(void)
{
    struct outlet outlet = {
        .kind = OUTLET_SHARED, .fd = STDOUT_FILENO, .original_fd = -1, .left_fd = -1};
    struct stat status;
    int own;

    if (fstat(STDOUT_FILENO, &status) != 0 ||
        (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return outlet; /* not to be written to, as the first write will say */
    if (S_ISSOCK(status.st_mode)) {
        outlet.kind = OUTLET_SOCKET;
    } else if (S_ISREG(status.st_mode)) {
        outlet.kind = OUTLET_PRIVATE;
    } else {
        /* The same pipe or device with a mode of our own: Linux's way, absent elsewhere. */
        own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (own >= 0) {
            outlet.kind = OUTLET_PRIVATE;
            outlet.fd = own;
            outlet.original_fd = STDOUT_FILENO;
        }
    }
    return outlet;
}

/*
 * In blocking mode, a pipe that polls as writable takes PIPE_BUF bytes without blocking, and that
 * is all it promises.
 */
static ssize_t write_cautiously(int fd, const struct iovec *piece)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    size_t len = piece->iov_len < PIPE_BUF ? piece->iov_len : PIPE_BUF;

    if (poll(&wait, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, piece->iov_base, len);
}

/* As if all of it had been written. */
static ssize_t drop(const struct iovec *pieces, int count)
{
    ssize_t len = 0;

    for (int i = 0; i < count; i++)
        len += (ssize_t)pieces[i].iov_len;
    return len;
}

ssize_t outlet_write(struct outlet *outlet, const struct iovec *pieces, int count)
{
    struct msghdr message = {0};
    ssize_t written;

    switch (outlet->kind) {
    case OUTLET_SOCKET:
        message.msg_iov = (struct iovec *)(uintptr_t)pieces;
        message.msg_iovlen = (size_t)count;
        return sendmsg(outlet->fd, &message, MSG_DONTWAIT);
    case OUTLET_PRIVATE:
        written = writev(outlet->fd, pieces, count);
        return written < 0 && errno == EPIPE && outlet->may_break ? drop(pieces, count) : written;
    case OUTLET_SHARED:
        return write_cautiously(outlet->fd, pieces);
    case OUTLET_NONE:
    case OUTLET_GONE:
        break;
    }
    errno = EBADF;
    return -1;
}

/* Its number stays taken if it is stdout's. False if the system says only now that it is bad. */
static bool end_one(int fd)
{
    bool kept = close(fd) == 0 || errno == EINTR;

    if (fd <= STDERR_FILENO)
        protect_vacate(fd);
    return kept;
}

bool outlet_end(struct outlet *outlet)
{
    bool kept = true;

    if (outlet->fd < 0)
        return true;
    if (outlet->kind == OUTLET_SOCKET) {
        /* A socket that is gone has nothing to be told. */
        (void)shutdown(outlet->fd, SHUT_WR);
    } else if (outlet->kind == OUTLET_GONE) {
        outlet->left_fd = outlet->fd; /* closed, it would be the end of what is not whole */
    } else {
        kept = end_one(outlet->fd) || errno == EBADF;
        if (outlet->original_fd >= 0 && !end_one(outlet->original_fd))
            kept = false;
    }
    outlet->fd = -1;
    return kept;
}
