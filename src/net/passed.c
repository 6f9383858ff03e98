/*
 * Owns the taking of sockets that a supervisor has opened for us. Must never take one that was
 * meant for another process.
 */
#include "net/passed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "net/socket.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static bool listens(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return socket_is_stream(fd) && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
           value != 0;
}

/* A number of the environment, or 0. */
static long number(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? 0 : strtol(value, NULL, 10);
}

size_t passed_list(int fds[static LISTENERS_MAX + 1])
{
    long passed = number("LISTEN_PID") == (long)getpid() ? number("LISTEN_FDS") : 0;
    size_t count = 0;

    while (count < LISTENERS_MAX + 1 && (long)count < passed) {
        fds[count] = FIRST_FD + (int)count;
        count++;
    }
    return count;
}

enum kith_error passed_take(struct listeners *listeners)
{
    int fds[LISTENERS_MAX + 1];
    size_t count = passed_list(fds);

    memset(listeners, 0, sizeof(*listeners));
    if (count == 0)
        return OK;
    if (count > LISTENERS_MAX)
        return ERR_BIND;
    for (size_t i = 0; i < count; i++) {
        int fd = fds[i];

        if (!listens(fd) || !descriptor_set_nonblocking(fd))
            return ERR_BIND;
        socket_tune(fd);
        listeners->fds[listeners->count++] = fd;
    }
    listeners_describe(listeners);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return OK;
}
