/*
 * Owns the talk with the supervisor. Must never fail the daemon because nobody listens, nor wait
 * for who does.
 */
#include "system/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "system/protect.h"

#define STATE_SIZE 2048    /* the longest address, escaped, and some words */
#define READY_WAIT_MS 1000 /* until a --ready-fd that takes nothing is given up */

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
    if (descriptor_set_nonblocking(supervisor) &&
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
    char state[STATE_SIZE], shown[STATE_SIZE - 48];

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

void notify_ready_fd(int fd, const char *address, bool standard_in_use)
{
    char line[STATE_SIZE];
    int len = snprintf(line, sizeof(line), "%s\n", address);

    if (fd < 0)
        return;
    if (!descriptor_write_by(fd, line, (size_t)len, clock_deadline_ms(READY_WAIT_MS)))
        log_event(LOG_NOTE, "ready-fd", NULL,
                  errno == EAGAIN ? "nobody reads there" : "cannot write to it", NULL);
    if (fd != STDERR_FILENO && (fd > STDERR_FILENO || !standard_in_use))
        protect_vacate(fd);
}
