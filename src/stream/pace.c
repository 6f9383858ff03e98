/*
 * Owns the arithmetic of --rate. Must never let a pause be made up for by a burst.
 */
#include "stream/pace.h"

#include "base/clock.h"

#define PORTIONS 20 /* a second */
#define SECOND_US 1000000

size_t pace_portion(const struct pace *pace, int64_t now_us)
{
    if (pace->rate == 0)
        return SIZE_MAX;
    if (now_us < pace->due_us)
        return 0;
    return pace->rate < PORTIONS ? 1 : pace->rate / PORTIONS;
}

int64_t pace_due_ms(const struct pace *pace)
{
    return pace->rate == 0 ? NEVER_MS : (pace->due_us + 999) / 1000;
}

void pace_spend(struct pace *pace, size_t bytes, int64_t now_us)
{
    int64_t earliest_us = now_us - SECOND_US / PORTIONS;

    if (pace->rate == 0)
        return;
    if (pace->due_us < earliest_us)
        pace->due_us = earliest_us;
    pace->due_us += (int64_t)((uint64_t)bytes * SECOND_US / pace->rate);
}
