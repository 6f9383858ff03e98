/*
 * Owns the files of UNIX sockets. Must never remove one that a living process listens on, nor a
 * file that is no socket.
 */
#include "local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define OTHERS_MASK 0177

/* Whether somebody answers there. */
static bool answers(const struct sockaddr_un *at)
{
    int fd = net_socket(AF_UNIX);
    bool answered;

    if (fd < 0)
        return true; /* it cannot be known, so it is left alone */
    answered = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
               (errno != ECONNREFUSED && errno != ENOENT);
    (void)close(fd);
    return answered;
}

/* Make way: true if nothing is in the way any longer. */
static bool clear(const struct sockaddr_un *at, const char **why)
{
    struct stat status;

    if (lstat(at->sun_path, &status) != 0)
        return true; /* if it is for another reason, bind will say it */
    if (!S_ISSOCK(status.st_mode)) {
        *why = "a file that is no socket is there";
        return false;
    }
    if (answers(at)) {
        *why = "another process listens there";
        return false;
    }
    if (unlink(at->sun_path) != 0 && errno != ENOENT) {
        *why = strerror(errno);
        return false;
    }
    return true;
}

/* The mode is there from the start: the mask is ours alone, before any thread is. */
static bool bind_closed(int fd, const struct sockaddr_un *at)
{
    mode_t before = umask(OTHERS_MASK);
    bool bound = bind(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;
    int saved = errno;

    (void)umask(before);
    errno = saved;
    return bound;
}

enum kith_error local_listen(struct net_listeners *listeners, const struct address *address,
                             const char **why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat status;
    int fd;

    memcpy(at.sun_path, address->path, sizeof(at.sun_path));
    if (!clear(&at, why))
        return ERR_BIND;
    fd = net_socket(AF_UNIX);
    if (fd < 0 || !bind_closed(fd, &at) || listen(fd, BACKLOG) != 0) {
        *why = strerror(errno);
        if (fd >= 0)
            (void)close(fd);
        return ERR_BIND;
    }
    listeners->fds[0] = fd;
    listeners->count = 1;
    address_format(listeners->text, address);
    if (lstat(address->path, &status) == 0) {
        listeners->device = status.st_dev;
        listeners->inode = status.st_ino;
    }
    return OK;
}

void local_remove(struct net_listeners *listeners)
{
    struct stat status;

    if (listeners->inode == 0)
        return;
    if (lstat(listeners->text, &status) == 0 && status.st_dev == listeners->device &&
        status.st_ino == listeners->inode)
        (void)unlink(listeners->text);
    listeners->inode = 0;
}
