/*
 * How long somebody who takes what waits for it may pause: it gets on if less waits than before.
 */
#ifndef KITH_PATIENCE_H
#define KITH_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    int64_t ms;       /* for which nothing may be taken */
    int64_t until_ms; /* by clock_now_ms */
    int queued;       /* bytes that waited when it was last seen to get on */
};

#define PATIENCE_ENDLESS ((struct patience){.until_ms = NEVER_MS})

/* From now on. What waits is in bytes, or -1 where that cannot be known. */
struct patience patience_with(int64_t ms, int queued);

/*
 * The same, where something has just been said: what is on its way by itself is gone after a
 * moment, and only what is taken from then on puts the end off.
 */
struct patience patience_settling(int64_t ms);

/* Look again; false once it is used up. */
bool patience_lasts(struct patience *patience, int queued);

#endif
