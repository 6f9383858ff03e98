/*
 * Owns the making of pipes, and the use of what others share. Must never wait without a deadline,
 * change the mode of a descriptor that was given to us, nor make one that a program inherits which
 * another thread starts meanwhile.
 */
#define _GNU_SOURCE /* pipe2 */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/clock.h"

#ifdef SOCK_CLOEXEC /* whoever has that has pipe2 */

bool descriptor_pipe(int ends[static 2])
{
    return pipe2(ends, O_CLOEXEC) == 0;
}

bool descriptor_pipe_nonblocking(int ends[static 2])
{
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0;
}

#else

/* A pipe that is as it was wanted, or none. */
static bool whole(int ends[static 2], bool good)
{
    int saved = errno;

    if (good)
        return true;
    (void)close(ends[0]);
    (void)close(ends[1]);
    errno = saved;
    return false;
}

bool descriptor_pipe(int ends[static 2])
{
    return pipe(ends) == 0 &&
           whole(ends, descriptor_set_cloexec(ends[0]) && descriptor_set_cloexec(ends[1]));
}

bool descriptor_pipe_nonblocking(int ends[static 2])
{
    return pipe(ends) == 0 &&
           whole(ends, descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
}

#endif

bool descriptor_set_cloexec(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

int descriptor_move_up(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

bool descriptor_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && descriptor_set_cloexec(fd);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool descriptor_is_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && is_same_file(&first, &second);
}

static bool is_same_pipe(int a, int b)
{
    struct stat status;

    return fstat(b, &status) == 0 && S_ISFIFO(status.st_mode) && descriptor_is_same_file(a, b);
}

/* By the device itself: /dev/tty and /dev/console are names for whichever terminal it is. */
static bool is_same_terminal(int a, int b)
{
#ifdef TIOCGDEV
    unsigned first, second;

    return ioctl(a, TIOCGDEV, &first) == 0 && ioctl(b, TIOCGDEV, &second) == 0 && first == second;
#else
    (void)a;
    (void)b;
    return false;
#endif
}

bool descriptor_is_terminal(int fd)
{
#ifdef TIOCGPTN
    unsigned number;

    if (ioctl(fd, TIOCGPTN, &number) == 0)
        return false;
#endif
    return isatty(fd) == 1;
}

bool descriptor_is_open_for(int fd, int direction)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && ((flags & O_ACCMODE) == direction || (flags & O_ACCMODE) == O_RDWR);
}

bool descriptor_is_anonymous(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

/* Open a name, if it leads to the same thing. */
static int open_same(const char *name, int direction, int fd, bool (*is_same)(int a, int b))
{
    int own = open(name, direction | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (own >= 0 && !is_same(own, fd)) {
        (void)close(own);
        own = -1;
    }
    return own;
}

/* The end of what was written through a FIFO is told only to who had it open by then. */
static bool has_ended(int fd)
{
    return (descriptor_look(fd, POLLIN) & POLLHUP) != 0;
}

static int open_fifo_anew(const char *name, int direction, int fd)
{
    int own = open_same(name, direction, fd, is_same_pipe);

    if (own >= 0 && direction == O_RDONLY && has_ended(fd))
        descriptor_close(&own);
    return own;
}

int descriptor_open_anew(int fd, int direction)
{
    char name[32]; /* Linux's way, absent elsewhere */
    struct stat status;
    int own;

    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    if (fstat(fd, &status) != 0 || !descriptor_is_open_for(fd, direction))
        return -1;
    if (S_ISFIFO(status.st_mode))
        return open_fifo_anew(name, direction, fd);
    if (!descriptor_is_terminal(fd))
        return -1;
    own = open_same(name, direction, fd, is_same_terminal);
    /* A terminal remains another user's after su; under this name it is everybody's. */
    return own >= 0 ? own : open_same("/dev/tty", direction, fd, is_same_terminal);
}

void descriptor_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

bool descriptor_is_socket(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

bool descriptor_can_be_awaited(int fd)
{
#ifdef __linux__
    struct epoll_event event = {.events = 0};
    int set = epoll_create1(EPOLL_CLOEXEC);
    bool can = set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;

    if (set >= 0)
        (void)close(set);
    return can;
#else
    struct stat status;

    return fstat(fd, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
#endif
}

bool descriptor_is_parents(int socket)
{
    struct stat ours, its;
    char name[64];

    if (fstat(socket, &ours) != 0)
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        (void)snprintf(name, sizeof(name), "/proc/%ld/fd/%d", (long)getppid(), fd);
        if (stat(name, &its) == 0 && is_same_file(&ours, &its))
            return true;
    }
    return false;
}

short descriptor_look(int fd, short events)
{
    struct pollfd look = {.fd = fd, .events = events};

    return poll(&look, 1, 0) > 0 ? look.revents : 0;
}

bool descriptor_await(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = fd, .events = events};
    int ready;

    do {
        ready = poll(&wait, 1, clock_poll_timeout(deadline_ms));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

ssize_t descriptor_write(int fd, const void *bytes, size_t len)
{
    ssize_t n = send(fd, bytes, len, MSG_DONTWAIT);
    size_t most;

    if (n >= 0 || errno != ENOTSOCK)
        return n;
    /* What polls as writable takes PIPE_BUF bytes without blocking, and that is all it promises;
     * a terminal promises nothing, and takes less. */
    most = isatty(fd) == 1 ? _POSIX_PIPE_BUF : PIPE_BUF;
    if (descriptor_look(fd, POLLOUT) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, len < most ? len : most);
}

bool descriptor_write_by(int fd, const void *bytes, size_t len, int64_t deadline_ms)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = descriptor_write(fd, at, len);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (descriptor_would_wait(errno)) {
            if (clock_now_ms() >= deadline_ms)
                return false;
            (void)descriptor_await(fd, POLLOUT, deadline_ms);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool descriptor_listens(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value != 0;
}

bool descriptor_would_wait(int problem)
{
    return problem == EAGAIN || problem == EWOULDBLOCK;
}

bool descriptor_flush_folder(int folder)
{
    return fsync(folder) == 0 || errno == EINVAL;
}

bool descriptor_is_lacking(int problem)
{
    return problem == EMFILE || problem == ENFILE;
}
