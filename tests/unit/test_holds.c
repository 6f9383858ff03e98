/*
 * holds: until when a channel that carries nothing is held.
 */
#include "daemon/holds.h"

#include "base/clock.h"
#include "tap.h"

int main(void)
{
    struct holds holds = {.spare = 1, .most = 3, .keep_time_ms = 60000};

    CHECK(holds_until_ms(&holds, 1, 500) == NEVER_MS, "a spare one is held");
    CHECK(holds_until_ms(&holds, 2, 500) == 60500 && holds_until_ms(&holds, 3, 500) == 60500,
          "those beyond for the time that is set");
    CHECK(holds_until_ms(&holds, 4, 500) == 1500, "and what is too many for a moment");
    holds.keep_time_ms = 200;
    CHECK(holds_until_ms(&holds, 4, 500) == 700, "which is no longer than that time");
    holds.keep_time_ms = NEVER_MS;
    CHECK(holds_until_ms(&holds, 3, 500) == NEVER_MS && holds_until_ms(&holds, 4, 500) == 1500,
          "without such a time only what is too many is not held");
    return tap_done();
}
