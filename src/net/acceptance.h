/*
 * Taking the calls that wait at some listeners, within somebody else's poll.
 */
#ifndef KITH_ACCEPTANCE_H
#define KITH_ACCEPTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/listen.h"
#include "net/poll_set.h"

struct acceptance {
    const char *what; /* the command's name, in logs */
    const struct listeners *listeners;
    size_t places[LISTENERS_MAX]; /* in the poll set; POLL_SET_NONE once nothing waits there */
    size_t next;                  /* the listener whose turn it is */
    int64_t paused_until_ms;      /* nothing is accepted before */
    int64_t quiet_until_ms;       /* nor is it said before that nothing can be */
};

void acceptance_begin(struct acceptance *acceptance, const char *what,
                      const struct listeners *listeners);

/* Put the listeners into the set, unless there is a pause. When it is over, or NEVER_MS. */
int64_t acceptance_arm(struct acceptance *acceptance, struct poll_set *set);

enum accepted { ACCEPTED, ACCEPTED_NONE, ACCEPTED_NO_ROOM, ACCEPTED_NEVER };

/*
 * Take one call, non-blocking and tuned; the listeners take turns. ACCEPTED_NONE: none waits, or
 * there is a pause. ACCEPTED_NO_ROOM: the system has no room for one more, which is said now and
 * then, and there is a pause. ACCEPTED_NEVER, with errno: it will always be so.
 */
enum accepted acceptance_take(struct acceptance *acceptance, const struct poll_set *set, int *fd,
                              struct endpoint *from);

/* Take nothing for a moment: what waits stays in the backlog. */
void acceptance_pause(struct acceptance *acceptance);

#endif
