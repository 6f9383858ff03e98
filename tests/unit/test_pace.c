/*
 * The pace of --rate: so many bytes a second over any time, in portions, and no burst after a
 * pause.
 */
#include "stream/pace.h"

#include "base/clock.h"
#include "tap.h"

#define SECOND_US 1000000

/* As much as it gives from then on until then, when it is looked at every step; the largest
 * portion. */
static size_t taken(struct pace *pace, int64_t from_us, int64_t until_us, int64_t step_us,
                    size_t *largest)
{
    size_t sum = 0;

    *largest = 0;
    for (int64_t now_us = from_us; now_us < until_us; now_us += step_us) {
        size_t portion = pace_portion(pace, now_us);

        pace_spend(pace, portion, now_us);
        sum += portion;
        *largest = portion > *largest ? portion : *largest;
    }
    return sum;
}

static void test_rates(void)
{
    static const size_t rates[] = {1, 19, 20, 1000, 65536, 100000000, PACE_MAX};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct pace pace = {.rate = rates[i]};
        size_t most = rates[i] < 20 ? 1 : rates[i] / 20;
        size_t largest;
        size_t sum = taken(&pace, SECOND_US, 101 * SECOND_US, 1000, &largest);

        CHECK(sum <= 100 * rates[i] + 2 * most, "%zu bytes a second: no more than that", rates[i]);
        CHECK(sum >= 100 * rates[i] - 2 * most, "nor less, where it is asked often");
        CHECK(largest == most, "in portions of a twentieth");
    }
}

static void test_pause(void)
{
    struct pace pace = {.rate = 1000};
    size_t largest;

    (void)taken(&pace, SECOND_US, 2 * SECOND_US, 1000, &largest);
    CHECK(taken(&pace, 3600 * (int64_t)SECOND_US, 3601 * (int64_t)SECOND_US, 1000, &largest) <=
              1100,
          "an hour's pause is not made up for");
}

static void test_waiting(void)
{
    struct pace pace = {.rate = 1000};
    const struct pace none = {.rate = 0};

    CHECK(pace_portion(&none, 0) == SIZE_MAX && pace_due_ms(&none) == NEVER_MS,
          "without a rate all may go");
    pace_spend(&pace, 500, 10 * SECOND_US);
    CHECK(pace_portion(&pace, 10 * SECOND_US) == 0, "what was sent is waited for");
    CHECK(pace_due_ms(&pace) == 10450, "until it is paid for, but for the portion before");
    CHECK(pace_portion(&pace, 10450000) == 50, "and then it goes on");
}

int main(void)
{
    test_rates();
    test_pause();
    test_waiting();
    return tap_done();
}
