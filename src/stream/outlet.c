/*
 * Owns the writing of what has arrived. Must never block, and must never change the mode of a
 * descriptor that other programs share.
 */
#include "stream/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "net/socket.h"
#include "system/protect.h"

struct outlet outlet_none(void)
{
    return (struct outlet){.kind = OUTLET_NONE, .fd = -1, .original_fd = -1, .holder = -1};
}

struct outlet outlet_socket(int fd)
{
    return (struct outlet){.kind = OUTLET_SOCKET, .fd = fd, .original_fd = -1, .holder = -1};
}

struct outlet outlet_program(int fd, int holder)
{
    return (struct outlet){
        .kind = OUTLET_PRIVATE, .fd = fd, .original_fd = -1, .may_break = true, .holder = holder};
}

struct outlet outlet_file(int fd)
{
    return (struct outlet){.kind = OUTLET_PRIVATE, .fd = fd, .original_fd = -1, .holder = -1};
}

struct outlet outlet_stdout(void)
{
    struct outlet outlet = {
        .kind = OUTLET_SHARED, .fd = STDOUT_FILENO, .original_fd = -1, .holder = -1};
    int own;

    if (!descriptor_is_open_for(STDOUT_FILENO, O_WRONLY)) {
        outlet.kind = OUTLET_PRIVATE; /* as the first write will say, which no poll may put off */
        return outlet;
    }
    if (descriptor_is_socket(STDOUT_FILENO)) {
        outlet.kind = OUTLET_SOCKET;
        outlet.others_end = descriptor_is_parents(STDOUT_FILENO);
        return outlet;
    }
    own = descriptor_open_anew(STDOUT_FILENO, O_WRONLY);
    if (own >= 0) {
        outlet.fd = own;
        outlet.original_fd = STDOUT_FILENO;
    }
    if (own >= 0 || !descriptor_can_be_awaited(STDOUT_FILENO))
        outlet.kind = OUTLET_PRIVATE;
    return outlet;
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
        return descriptor_write(outlet->fd, pieces->iov_base, pieces->iov_len);
    case OUTLET_NONE:
    case OUTLET_GONE:
        break;
    }
    errno = EBADF;
    return -1;
}

/*
 * Its number stays taken if it is stdout's, at each moment: a signal that comes between would find
 * nobody there. False if the system says only now that it is bad.
 */
static bool end_one(int fd)
{
    int last = fd <= STDERR_FILENO ? descriptor_move_up(fd) : fd;
    bool kept;

    if (last != fd && last >= 0)
        protect_vacate(fd);
    kept = close(last >= 0 ? last : fd) == 0 || errno == EINTR;
    if (last < 0)
        protect_vacate(fd);
    return kept;
}

int outlet_queued(const struct outlet *outlet)
{
    int queued = socket_queued(outlet->fd); /* a terminal answers this as well */

    return queued < 0 && ioctl(outlet->fd, FIONREAD, &queued) != 0 ? -1 : queued;
}

/*
 * What a socket is given is safe once the other side's system has it, but for our end, which is one
 * more. A socket that is gone, and so fails to be shut down, is no matter then; but one that was
 * reset before its end had not read all.
 */
static bool end_socket(struct outlet *outlet)
{
    bool there;
    int end;

    if (!outlet->told && socket_was_reset(outlet->fd)) {
        errno = EPIPE;
        return false;
    }
    there = outlet->others_end ? !socket_has_gone(outlet->fd) : shutdown(outlet->fd, SHUT_WR) == 0;
    outlet->told = outlet->told || there;
    end = outlet->told && !outlet->others_end ? 1 : 0;
    if (socket_unacknowledged(outlet->fd) > end) {
        errno = there ? EAGAIN : EPIPE;
        return false;
    }
    if (outlet->others_end)
        (void)end_one(outlet->fd);
    outlet->fd = -1;
    return true;
}

/* Who is gone holds nothing. It is told once; if that cannot be now, nothing has ended yet. */
static bool tell_holder(struct outlet *outlet)
{
    if (outlet->holder >= 0 && send(outlet->holder, "", 1, MSG_DONTWAIT) != 1 && errno != EPIPE &&
        errno != ECONNRESET)
        return false;
    outlet->holder = -1;
    return true;
}

bool outlet_end(struct outlet *outlet)
{
    bool kept = true;

    if (outlet->fd < 0)
        return true;
    if (outlet->kind == OUTLET_SOCKET)
        return end_socket(outlet);
    if (outlet->kind != OUTLET_GONE) {
        if (!tell_holder(outlet))
            return false;
        kept = end_one(outlet->fd) || errno == EBADF;
        if (outlet->original_fd >= 0 && !end_one(outlet->original_fd))
            kept = false;
    }
    outlet->fd = -1;
    return kept;
}
