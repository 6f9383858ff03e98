/*
 * The clocks of what is tested, which an input sets: they stand still but for that. Those of the
 * engine, which looks at them while an input runs, go on; so these take the place of base/clock.
 */
#ifndef KITH_FUZZ_CLOCKS_H
#define KITH_FUZZ_CLOCKS_H

#include <stdint.h>
#include <time.h>

static struct {
    uint64_t wall_ms;
    uint64_t monotonic_ms;
} clocks;

static int read_still_clock(clockid_t id, struct timespec *now)
{
    uint64_t ms = id == CLOCK_REALTIME ? clocks.wall_ms : clocks.monotonic_ms;

    *now = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    return 0;
}

#define clock_gettime read_still_clock
#include "../../src/base/clock.c"
#undef clock_gettime

static inline void pass_time(uint64_t ms)
{
    clocks.wall_ms += ms;
    clocks.monotonic_ms += ms;
}

#endif
