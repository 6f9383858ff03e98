/*
 * Owns the taking of calls, and the pauses in it. Must never try without end what cannot be done
 * now, nor give up for what may pass.
 */
#include "net/acceptance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"

#define NO_ROOM_PAUSE_MS 20 /* before the next call is taken when there is no room for it */
#define TOLD_AGAIN_MS 10000

void acceptance_begin(struct acceptance *acceptance, const char *what,
                      const struct listeners *listeners)
{
    *acceptance = (struct acceptance){.what = what, .listeners = listeners};
}

void acceptance_pause(struct acceptance *acceptance)
{
    acceptance->paused_until_ms = clock_deadline_ms(NO_ROOM_PAUSE_MS);
}

static bool is_paused(const struct acceptance *acceptance)
{
    return clock_now_ms() < acceptance->paused_until_ms;
}

int64_t acceptance_arm(struct acceptance *acceptance, struct poll_set *set)
{
    bool paused = is_paused(acceptance);

    for (size_t i = 0; i < acceptance->listeners->count; i++)
        acceptance->places[i] =
            poll_set_add(set, paused ? -1 : acceptance->listeners->fds[i], POLLIN);
    return paused ? acceptance->paused_until_ms : NEVER_MS;
}

/* There may be a call, but it could not be accepted. */
static enum accepted lack_call(struct acceptance *acceptance, int problem)
{
    char why[128];

    if (problem == ENOSYS || problem == EBADF || problem == ENOTSOCK || problem == EINVAL) {
        errno = problem;
        return ACCEPTED_NEVER;
    }
    if (clock_now_ms() >= acceptance->quiet_until_ms) {
        acceptance->quiet_until_ms = clock_deadline_ms(TOLD_AGAIN_MS);
        (void)snprintf(why, sizeof(why), "cannot accept: %s", strerror(problem));
        (void)log_failure(LOG_NOTE, acceptance->what, acceptance->listeners->text, ERR_SYSTEM, why,
                          NULL);
    }
    acceptance_pause(acceptance);
    return descriptor_is_lacking(problem) || problem == ENOBUFS || problem == ENOMEM
               ? ACCEPTED_NO_ROOM
               : ACCEPTED_NONE;
}

enum accepted acceptance_take(struct acceptance *acceptance, const struct poll_set *set, int *fd,
                              struct endpoint *from)
{
    size_t count = acceptance->listeners->count;

    for (size_t tried = 0; tried < count && !is_paused(acceptance); tried++) {
        size_t i = acceptance->next++ % count;

        if (!poll_set_is_ready(set, acceptance->places[i]))
            continue;
        if (listeners_accept(acceptance->listeners->fds[i], fd, from))
            return ACCEPTED;
        acceptance->places[i] = POLL_SET_NONE;
        if (!descriptor_would_wait(errno))
            return lack_call(acceptance, errno);
    }
    return ACCEPTED_NONE;
}
