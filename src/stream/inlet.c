/*
 * Owns the reading of what is to be sent. Must never block, nor take what is only a pause for the
 * end.
 */
#include "stream/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "net/socket.h"

struct inlet inlet_none(void)
{
    return (struct inlet){.fd = -1, .hold = HOLD_NONE};
}

/* Files that claim no size are left out: a read of /proc/kmsg waits. */
static bool is_file(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
}

/* Somebody else may read there, too, and be faster: hence the mode of our own. */
struct inlet inlet_stdin(void)
{
    int own = descriptor_open_anew(STDIN_FILENO, O_RDONLY);
    struct inlet inlet = {
        .fd = own >= 0 ? own : STDIN_FILENO,
        .is_socket = descriptor_is_socket(STDIN_FILENO),
        .is_terminal = descriptor_is_terminal(STDIN_FILENO),
        .never_waits = is_file(STDIN_FILENO),
        .never_blocks = own >= 0,
        .hold = HOLD_NONE,
    };

    if (inlet.is_socket)
        socket_inline_urgent(inlet.fd);
    return inlet;
}

struct inlet inlet_socket(int fd)
{
    socket_inline_urgent(fd);
    return (struct inlet){
        .fd = fd, .is_socket = true, .never_blocks = true, .hold = hold_begin(fd)};
}

struct inlet inlet_program(int fd)
{
    return (struct inlet){.fd = fd, .never_blocks = true, .hold = HOLD_NONE};
}

int inlet_poll_fd(const struct inlet *inlet)
{
    return hold_is_on(&inlet->hold) ? hold_poll_fd(&inlet->hold) : inlet->fd;
}

/*
 * A pipe that nobody can write to gives at once what it has, and its end; but a FIFO may have a new
 * writer by then, and a read wait for that one.
 */
bool inlet_heed(struct inlet *inlet, short ready)
{
    if (ready == POLLHUP && !inlet->is_socket && !inlet->is_terminal) {
        inlet->fd = -1; /* it is empty, too: that is its end */
        return true;
    }
    if ((ready & POLLHUP) != 0 && inlet->never_blocks)
        inlet->never_waits = true;
    return false;
}

/* A socket's mode is its other users', too, one of whom may have read what there was by now. */
static ssize_t read_socket(int fd, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};

    return recvmsg(fd, &message, MSG_DONTWAIT);
}

/* A terminal that was closed gives nothing, as one at which somebody has typed its end. */
static bool is_hung_up(const struct inlet *inlet)
{
    return inlet->is_terminal && (descriptor_look(inlet->fd, POLLIN) & POLLHUP) != 0;
}

ssize_t inlet_read(struct inlet *inlet, struct iovec *pieces, int count)
{
    ssize_t n;

    if (hold_is_on(&inlet->hold))
        n = hold_read(&inlet->hold, pieces, count);
    else if (inlet->is_socket)
        n = read_socket(inlet->fd, pieces, count);
    else
        n = readv(inlet->fd, pieces, count);
    if (n != 0)
        return n;
    if (is_hung_up(inlet)) {
        errno = EIO;
        return -1;
    }
    inlet->fd = -1;
    return 0;
}

bool inlet_may_have_more(const struct inlet *inlet)
{
    return inlet->never_waits || hold_is_on(&inlet->hold);
}
