/*
 * How many channels that carry nothing are held, and for how long: of whoever has had them made.
 * Pure.
 */
#ifndef KITH_HOLDS_H
#define KITH_HOLDS_H

#include <stddef.h>
#include <stdint.h>

struct holds {
    size_t spare;         /* that there should always be */
    size_t most;          /* at once, with those */
    int64_t keep_time_ms; /* that those beyond the spare ones are held without use */
};

/* Until when one that carries nothing since then is held, as the nth of them; or NEVER_MS. */
int64_t holds_until_ms(const struct holds *holds, size_t nth, int64_t since_ms);

#endif
