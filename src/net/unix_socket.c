/*
 * Owns the files of UNIX sockets. Must never remove one that a living process listens on, nor a
 * file that is no socket.
 */
#include "net/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"
#include "system/lock.h"

#define OTHERS_MASK 0177
#define LOCK_WAIT_MS 2000

/* Whether nobody listens at the socket there, as far as can be known. */
static bool is_dead(const struct sockaddr_un *at, struct problem *problem)
{
    int fd = socket_open(AF_UNIX);
    int result;

    if (fd < 0)
        return problem_say(problem, "%s", strerror(errno));
    result = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ? 0 : errno;
    (void)close(fd);
    if (result == ECONNREFUSED || result == ENOENT)
        return true;
    if (result == EACCES || result == EPERM)
        return problem_say(problem, "there is a socket that we may not connect to");
    return problem_say(problem, "another process listens there");
}

static const char *const no_socket = "there is a file that is not a socket";

const char *unix_socket_obstacle(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISSOCK(status.st_mode) ? no_socket : NULL;
}

/* Make way: true if nothing is in the way any longer. */
static bool clear(const struct sockaddr_un *at, struct problem *problem)
{
    struct stat status;

    if (lstat(at->sun_path, &status) != 0)
        return true; /* if it is for another reason, bind will say it */
    if (!S_ISSOCK(status.st_mode))
        return problem_say(problem, "%s", no_socket);
    if (!is_dead(at, problem))
        return false;
    if (unlink(at->sun_path) != 0 && errno != ENOENT)
        return problem_say(problem, "%s", strerror(errno));
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

/* Make way, and listen; -1 if that cannot be. */
static int take_path(const struct sockaddr_un *at, struct problem *problem)
{
    int fd;

    if (!clear(at, problem))
        return -1;
    fd = socket_open(AF_UNIX);
    if (fd >= 0 && bind_closed(fd, at) && listen(fd, SOCKET_BACKLOG) == 0)
        return fd;
    (void)problem_say(problem, "%s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

enum kith_error unix_socket_listen(struct unix_socket *made, const char path[static PATH_SIZE],
                                   int *fd, struct problem *problem)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat status;
    int lock;

    *fd = -1;
    memcpy(at.sun_path, path, sizeof(at.sun_path));
    /*
     * Between the look at what is there and the moment when we listen, nobody else of us may do
     * the same: two would find the socket of a dead process, and one remove the new one of the
     * other. Where there can be no lock, mostly it is the user's own folder.
     */
    if (!lock_folder(path, clock_deadline_ms(LOCK_WAIT_MS), &lock)) {
        (void)problem_say(problem, "another process has locked its folder");
        return ERR_BIND;
    }
    *fd = take_path(&at, problem);
    if (*fd >= 0 && lstat(path, &status) == 0) {
        memcpy(made->path, path, PATH_SIZE);
        made->device = status.st_dev;
        made->inode = status.st_ino;
    }
    if (lock >= 0)
        (void)close(lock);
    return *fd >= 0 ? OK : ERR_BIND;
}

void unix_socket_remove(struct unix_socket *made)
{
    struct stat status;

    if (made->path[0] != '\0' && lstat(made->path, &status) == 0 && status.st_dev == made->device &&
        status.st_ino == made->inode)
        (void)unlink(made->path);
    made->path[0] = '\0';
}
