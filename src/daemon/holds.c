/*
 * Owns the rule for channels that carry nothing. Must never count or end one.
 */
#include "daemon/holds.h"

#include "base/clock.h"

#define EXCESS_MS 1000 /* without use, for those beyond what is to be held: a crowd comes back */

int64_t holds_until_ms(const struct holds *holds, size_t nth, int64_t since_ms)
{
    int64_t keep_ms = holds->keep_time_ms;

    if (nth <= holds->spare)
        return NEVER_MS;
    if (nth > holds->most)
        keep_ms = clock_earlier(keep_ms, EXCESS_MS);
    return keep_ms == NEVER_MS ? NEVER_MS : since_ms + keep_ms;
}
