/*
 * Owns the talk with the supervisor. Must never fail the daemon because nobody listens, nor wait
 * for who does.
 */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "net_socket.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define STATE_SIZE (4 * ADDRESS_TEXT_SIZE + 48)

static int supervisor = -1;     /* a socket that is connected to it, once there is one */
static char untold[STATE_SIZE]; /* the state that it did not take yet, or "" */

void notify_open(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);

    if (supervisor >= 0)
        (void)close(supervisor);
    supervisor = -1;
    if (len == 0 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* Linux's abstract names */
    supervisor = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (supervisor < 0)
        return;
    if (net_set_nonblocking(supervisor) &&
        connect(supervisor, (struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
        return;
    (void)close(supervisor);
    supervisor = -1;
}

/* False if its queue is full now. */
static bool tell(const char *state)
{
    return supervisor < 0 || send(supervisor, state, strlen(state), 0) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

bool notify_again(void)
{
    if (untold[0] != '\0' && tell(untold))
        untold[0] = '\0';
    return untold[0] != '\0';
}

/* A mere STATUS does not take the place of what is still untold: READY, say. */
void notify(const char *state)
{
    bool is_status = strncmp(state, "STATUS=", strlen("STATUS=")) == 0;

    if ((notify_again() && is_status) || tell(state))
        return;
    (void)snprintf(untold, sizeof(untold), "%s", state);
}

void notify_ready(const char *address)
{
    char state[STATE_SIZE], shown[4 * ADDRESS_TEXT_SIZE];

    /* A path may have a newline in it, behind which another state would begin. */
    (void)snprintf(state, sizeof(state), "READY=1\nSTATUS=listening on %s",
                   escape_text(shown, sizeof(shown), address, strlen(address)));
    notify(state);
}

void notify_reloading(void)
{
    char state[64];

    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_us());
    notify(state);
}

static bool listens(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value != 0;
}

/* A number of the environment, or 0. */
static long number(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? 0 : strtol(value, NULL, 10);
}

size_t notify_passed(int fds[static NET_LISTENERS_MAX + 1])
{
    long passed = number("LISTEN_PID") == (long)getpid() ? number("LISTEN_FDS") : 0;
    size_t count = 0;

    while (count < NET_LISTENERS_MAX + 1 && (long)count < passed) {
        fds[count] = FIRST_FD + (int)count;
        count++;
    }
    return count;
}

enum kith_error notify_take_listeners(struct net_listeners *listeners)
{
    int fds[NET_LISTENERS_MAX + 1];
    size_t count = notify_passed(fds);

    memset(listeners, 0, sizeof(*listeners));
    if (count == 0)
        return OK;
    if (count > NET_LISTENERS_MAX)
        return ERR_BIND;
    for (size_t i = 0; i < count; i++) {
        int fd = fds[i];

        if (!listens(fd) || !net_set_nonblocking(fd))
            return ERR_BIND;
        net_tune(fd);
        listeners->fds[listeners->count++] = fd;
    }
    net_describe_listener(listeners);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return OK;
}
