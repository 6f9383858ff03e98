/*
 * Clocks that an input sets: while it runs they stand still. At any other time they go on, since
 * an engine looks at them as well.
 */
#ifndef KITH_FUZZ_CLOCKS_H
#define KITH_FUZZ_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

static struct {
    bool still;
    uint64_t wall_ms;
    uint64_t monotonic_ms;
} clocks;

/* In the place of the system's. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    uint64_t ms = id == CLOCK_REALTIME ? clocks.wall_ms : clocks.monotonic_ms;
    struct timeval going;

    if (clocks.still) {
        *now = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
        return 0;
    }
    (void)gettimeofday(&going, NULL);
    *now = (struct timespec){going.tv_sec, (long)going.tv_usec * 1000};
    return 0;
}

static inline void pass_time(uint64_t ms)
{
    clocks.wall_ms += ms;
    clocks.monotonic_ms += ms;
}

#endif
