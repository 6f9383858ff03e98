/*
 * Owns the beginning and the end of a helper. Must never wait for one that was stopped.
 */
#include "helpers/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "system/protect.h"
#include "system/signals.h"

#define END_MS 1000 /* for a helper to end */

bool helper_start(struct helper *helper, helper_life *life, const void *context)
{
    int ends[2];
    int saved;

    *helper = HELPER_NONE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        return false;
    helper->process = fork();
    if (helper->process == 0) {
        (void)close(ends[0]);
        life(ends[1], context);
        _exit(0);
    }
    saved = errno;
    (void)close(ends[1]);
    helper->line = ends[0];
    if (helper->process > 0 && descriptor_set_cloexec(helper->line))
        return true;
    helper_stop(helper);
    errno = saved;
    return false;
}

enum kith_error helper_log_failure(const char *what, const char *which)
{
    return log_failure(LOG_ERROR, what, which, errno == EAGAIN ? ERR_PROCESS : ERR_SYSTEM, NULL,
                       NULL);
}

void helper_strip(const int *keep, size_t count, bool keeps_stderr)
{
    int last = keeps_stderr ? STDOUT_FILENO : STDERR_FILENO;

    signals_ignore();
    for (int standard = STDIN_FILENO; standard <= last; standard++)
        protect_vacate(standard);
    protect_close_all_but(keep, count);
}

void helper_dismiss(struct helper *helper)
{
    if (helper->line >= 0)
        (void)close(helper->line);
    *helper = HELPER_NONE;
}

/* Whether it has left the line, which it does when we do: then its end is near. */
static bool has_left(const struct helper *helper)
{
    int64_t deadline_ms = clock_deadline_ms(END_MS);
    char rest;

    if (helper->line < 0 || shutdown(helper->line, SHUT_WR) != 0)
        return true;
    while (clock_now_ms() < deadline_ms) {
        if (descriptor_await(helper->line, POLLIN, deadline_ms) &&
            recv(helper->line, &rest, 1, MSG_DONTWAIT) <= 0)
            return true;
    }
    return false;
}

void helper_stop(struct helper *helper)
{
    pid_t process = helper->process;
    bool ends = process > 0 && has_left(helper);

    helper_dismiss(helper);
    while (ends && waitpid(process, NULL, 0) < 0 && errno == EINTR)
        continue;
}
