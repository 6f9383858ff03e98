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

#include "net_socket.h"

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

enum kith_error local_listen(struct local_socket *local, const char path[static PATH_SIZE], int *fd,
                             const char **why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat status;

    *fd = -1;
    memcpy(at.sun_path, path, sizeof(at.sun_path));
    if (!clear(&at, why))
        return ERR_BIND;
    *fd = net_socket(AF_UNIX);
    if (*fd < 0 || !bind_closed(*fd, &at) || listen(*fd, NET_BACKLOG) != 0) {
        *why = strerror(errno);
        if (*fd >= 0)
            (void)close(*fd);
        return ERR_BIND;
    }
    if (lstat(path, &status) == 0) {
        memcpy(local->path, path, PATH_SIZE);
        local->device = status.st_dev;
        local->inode = status.st_ino;
    }
    return OK;
}

void local_remove(struct local_socket *local)
{
    struct stat status;

    if (local->path[0] != '\0' && lstat(local->path, &status) == 0 &&
        status.st_dev == local->device && status.st_ino == local->inode)
        (void)unlink(local->path);
    local->path[0] = '\0';
}
