/*
 * Owns the rule by which one who takes nothing is told from one who is slow. Must never be put off
 * by what only we have done.
 */
#include "stream/patience.h"

#include <limits.h>

#include "base/clock.h"

struct patience patience_with(int64_t ms, int queued)
{
    return (struct patience){ms, clock_deadline_ms(ms), queued};
}

struct patience patience_settling(int64_t ms)
{
    int64_t moment_ms = ms / 8;
    struct patience patience;

    if (ms == NEVER_MS) /* as in most streams, each time that something has moved */
        return PATIENCE_ENDLESS;
    patience = patience_with(moment_ms, INT_MAX);
    patience.ms = ms - moment_ms;
    return patience;
}

bool patience_lasts(struct patience *patience, int queued)
{
    if (queued >= 0 && queued < patience->queued)
        *patience = patience_with(patience->ms, queued);
    return clock_now_ms() < patience->until_ms;
}
