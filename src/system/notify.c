/*
 * Owns the talk with the supervisor. Must never fail the daemon because nobody listens, nor wait
 * for somebody who does.
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

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/escape.h"
#include "base/log.h"
#include "system/protect.h"

#define STATE_SIZE 2048       /* the longest address, escaped, and some words */
#define READY_SIZE (32 << 10) /* as many addresses as there can be */
#define READY_WAIT_MS 1000    /* until a --ready-fd that takes nothing is given up */

/* What a supervisor has to hear, and before what: it waits for the end of a reload that began. */
enum state { RELOADING, READY, STOPPING, STATES };

static int supervisor = -1;             /* a socket that is connected to it, once there is one */
static char untold[STATES][STATE_SIZE]; /* those that it did not take yet, or "" */
static bool lost;                       /* one of them was, and that was said */

/* The socket, connected; -1 and errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd, saved_errno;

    errno = len < sizeof(to.sun_path) ? EAFNOSUPPORT : ENAMETOOLONG;
    if (len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return -1;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* Linux's abstract names */
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return -1;
    if (descriptor_set_nonblocking(fd) &&
        connect(fd, (struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
        return fd;
    saved_errno = errno;
    (void)close(fd);
    errno = saved_errno;
    return -1;
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    if (supervisor >= 0)
        (void)close(supervisor);
    supervisor = -1;
    if (path == NULL || path[0] == '\0')
        return;
    supervisor = connect_to(path);
    if (supervisor < 0)
        (void)log_failure(LOG_NOTE, "NOTIFY_SOCKET", path, ERR_SYSTEM, NULL,
                          "the supervisor is not told that this is ready");
}

/* What it is not told is lost: said once, until it is told something again. */
static void say_lost(void)
{
    if (!lost)
        (void)log_failure(LOG_NOTE, "NOTIFY_SOCKET", getenv("NOTIFY_SOCKET"), ERR_SYSTEM, NULL,
                          "the supervisor is not told how it goes on here");
    lost = true;
}

/* False if it cannot be told now: its queue is full, say. */
static bool send_state(const char *state)
{
    if (supervisor < 0)
        return true;
    if (send(supervisor, state, strlen(state), 0) >= 0) {
        lost = false;
        return true;
    }
    if (descriptor_would_wait(errno) || errno == ENOBUFS || errno == EINTR)
        return false;
    say_lost();
    return true;
}

bool notify_again(void)
{
    for (size_t i = 0; i < STATES; i++) {
        if (untold[i][0] == '\0')
            continue;
        if (!send_state(untold[i]))
            return true;
        untold[i][0] = '\0';
    }
    return false;
}

static bool is_about(const char *state, const char *word)
{
    return strncmp(state, word, strlen(word)) == 0;
}

/* Nothing overtakes what is still untold; and a mere STATUS is not worth keeping. */
void notify(const char *state)
{
    enum state kept = READY;

    if ((!notify_again() && send_state(state)) || is_about(state, "STATUS="))
        return;
    if (is_about(state, "STOPPING="))
        kept = STOPPING;
    if (is_about(state, "RELOADING=")) {
        kept = RELOADING;
        untold[READY][0] = '\0'; /* which we are no longer */
    }
    (void)snprintf(untold[kept], sizeof(untold[kept]), "%s", state);
}

/* A path may have a newline in it, after which another state would begin. */
static void tell_status(const char *before, const char *status)
{
    char state[STATE_SIZE], shown[STATE_SIZE - 48];

    (void)snprintf(state, sizeof(state), "%sSTATUS=%s", before,
                   escape_text(shown, sizeof(shown), status, strlen(status)));
    notify(state);
}

void notify_ready(const char *status)
{
    tell_status("READY=1\n", status);
}

void notify_status(const char *status)
{
    tell_status("", status);
}

void notify_totals(const char *open, const char *all, const char *more)
{
    char state[STATE_SIZE], shown[STATE_SIZE - 128];

    (void)snprintf(state, sizeof(state), "STATUS=%s channels open, %s in all%s", open, all,
                   escape_text(shown, sizeof(shown), more, strlen(more)));
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
    static char lines[READY_SIZE]; /* a stack may be small, and this is said once */
    int len = snprintf(lines, sizeof(lines), "%s\n", address);

    if (fd < 0)
        return;
    if (!descriptor_write_by(fd, lines, (size_t)len, clock_deadline_ms(READY_WAIT_MS)))
        log_event(LOG_NOTE, "ready-fd", NULL,
                  errno == EAGAIN ? "nobody reads there" : "cannot write to it", NULL);
    if (fd != STDERR_FILENO && (fd > STDERR_FILENO || !standard_in_use))
        protect_vacate(fd);
}
