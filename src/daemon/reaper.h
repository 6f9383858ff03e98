/*
 * The helpers without which a daemon cannot go on, and the reaping of what has ended.
 */
#ifndef KITH_REAPER_H
#define KITH_REAPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "helpers/helper.h"

#define REAPER_MAX 4

struct watched {
    const struct helper *helper; /* or NULL */
    const char *what;            /* in logs */
    enum kith_error error;       /* that its end is */
    bool is_over;                /* no process has its number any more */
};

struct reaper {
    struct watched list[REAPER_MAX];
    size_t count;
};

/* Watch one more; NULL is fine. */
void reaper_watch(struct reaper *reaper, const struct helper *helper, const char *what,
                  enum kith_error error);

/* Reap all that has ended. The first of the helpers among them, or NULL. */
const struct watched *reaper_reap(struct reaper *reaper);

#endif
