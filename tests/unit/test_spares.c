/*
 * How many channels to have ready, and when to call for another.
 */
#include "base/clock.h"
#include "daemon/spares.h"
#include "tap.h"

static bool is_about(int64_t ms, int64_t expected_ms)
{
    return ms >= expected_ms - expected_ms / 10 && ms <= expected_ms + expected_ms / 10;
}

static void test_calls(void)
{
    struct spares spares;

    spares_begin(&spares, 2);
    CHECK(spares_lack(&spares, 0, 5) && spares_lack(&spares, 0, 5), "two are called for");
    CHECK(!spares_lack(&spares, 0, 5), "and no third while they are");
    CHECK(spares_due_ms(&spares, 0) == NEVER_MS, "there is nothing to wait for but them");
    spares_called(&spares, true);
    spares_look(&spares, 6);
    CHECK(!spares_lack(&spares, 1, 6), "one is there, and one is called for");
    spares_called(&spares, true);
    spares_look(&spares, 7);
    CHECK(!spares_lack(&spares, 2, 7) && !spares_lack(&spares, 3, 7), "there are enough");
    CHECK(spares_lack(&spares, 1, 8), "one that was taken is replaced at once");
}

static void test_failures(void)
{
    struct spares spares;
    int64_t now_ms = 100, waits_ms[8];

    spares_begin(&spares, 1);
    for (size_t i = 0; i < 8; i++) {
        CHECK(spares_lack(&spares, 0, now_ms), "there is another try");
        spares_called(&spares, false);
        spares_look(&spares, now_ms);
        CHECK(!spares_lack(&spares, 0, now_ms), "but not at once");
        waits_ms[i] = spares_due_ms(&spares, 0) - now_ms;
        now_ms = spares_due_ms(&spares, 0);
    }
    CHECK(is_about(waits_ms[0], 1000) && is_about(waits_ms[1], 2000) && is_about(waits_ms[2], 4000),
          "it waits longer each time");
    CHECK(is_about(waits_ms[6], 30000) && is_about(waits_ms[7], 30000), "up to half a minute");
    spares_used(&spares);
    CHECK(spares_lack(&spares, 0, now_ms), "it is there again");
    spares_called(&spares, false);
    spares_look(&spares, now_ms);
    CHECK(is_about(spares_due_ms(&spares, 0) - now_ms, 1000), "then it begins anew");
}

static void test_several_at_once(void)
{
    struct spares spares;

    spares_begin(&spares, 2);
    (void)spares_lack(&spares, 0, 0);
    (void)spares_lack(&spares, 0, 0);
    spares_called(&spares, false);
    spares_look(&spares, 10);
    spares_called(&spares, false);
    spares_look(&spares, 20);
    CHECK(is_about(spares_due_ms(&spares, 0) - 10, 1000), "two that fail together are one failure");
}

static void test_wasted(void)
{
    struct spares spares;
    int64_t due_ms;

    spares_begin(&spares, 1);
    spares_wasted(&spares, 0, 10);
    CHECK(!spares_lack(&spares, 0, 10),
          "one that was ended without a stream is not replaced at once");
    due_ms = spares_due_ms(&spares, 0);
    CHECK(is_about(due_ms - 10, 1000), "but after a second");
    spares_wasted(&spares, 5, due_ms);
    CHECK(is_about(spares_due_ms(&spares, 0) - due_ms, 2000), "the next after two");
    due_ms = spares_due_ms(&spares, 0);
    spares_wasted(&spares, 600000, due_ms);
    CHECK(is_about(spares_due_ms(&spares, 0) - due_ms, 1000),
          "unless it was left to us for long before");
}

int main(void)
{
    test_calls();
    test_failures();
    test_several_at_once();
    test_wasted();
    return tap_done();
}
