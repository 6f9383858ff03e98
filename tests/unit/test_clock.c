/*
 * The wall clock as it is written.
 */
#include "base/clock.h"

#include <string.h>

#include "tap.h"

static void is_written(uint64_t wall_ms, const char *expected)
{
    char text[CLOCK_UTC_SIZE];

    clock_format_utc(text, wall_ms);
    CHECK(strcmp(text, expected) == 0, "%s, not %s", expected, text);
}

static void pauses_grow(void)
{
    CHECK(clock_longer_pause(0, 20, 1000) == 20, "the first pause is the least");
    CHECK(clock_longer_pause(20, 20, 1000) == 40, "the next one is twice as long");
    CHECK(clock_longer_pause(640, 20, 1000) == 1000 && clock_longer_pause(1000, 20, 1000) == 1000,
          "none is longer than the most");
}

int main(void)
{
    pauses_grow();
    is_written(0, "1970-01-01T00:00:00.000Z");
    is_written(951868799999, "2000-02-29T23:59:59.999Z");
    is_written(951868800000, "2000-03-01T00:00:00.000Z");
    is_written(1709164800000, "2024-02-29T00:00:00.000Z");
    is_written(1735689599001, "2024-12-31T23:59:59.001Z");
    is_written(1735689600000, "2025-01-01T00:00:00.000Z");
    is_written(4107542400000, "2100-03-01T00:00:00.000Z");
    return tap_done();
}
