/*
 * Who is handed a channel that others are done with, of those who wait.
 */
#include "base/clock.h"
#include "daemon/waiters.h"
#include "tap.h"

static bool never(const void *unused)
{
    (void)unused;
    return false;
}

static bool always(const void *unused)
{
    (void)unused;
    return true;
}

static void test_order(void)
{
    struct waiters waiters;
    struct waiter first, second;
    struct kept one, other, third;
    bool begins;

    waiters_begin(&waiters);
    CHECK(!waiters_hand(&waiters, &one), "nobody waits");
    waiters_join(&waiters, &first);
    waiters_join(&waiters, &second);
    CHECK(!waiters_hand(&waiters, &one), "nor does who has only come");
    CHECK(waiters_take(&waiters, &second, true, &begins) == NULL && begins &&
              waiters_take(&waiters, &first, true, &begins) == NULL && begins,
          "two begin to wait");
    CHECK(waiters_take(&waiters, &first, true, &begins) == NULL && !begins, "and wait on");
    CHECK(waiters_hand(&waiters, &one) && first.kept == &one,
          "the first is the one who came first");
    CHECK(waiters_hand(&waiters, &other) && second.kept == &other,
          "and the next is for the next, though the first has not taken his");
    CHECK(!waiters_hand(&waiters, &third), "there is nobody more");
    CHECK(waiters_take(&waiters, &first, true, &begins) == &one && !begins, "the first takes it");
    CHECK(!waiters_hand(&waiters, &third), "and waits for no other");
    CHECK(waiters_take(&waiters, &first, true, &begins) == NULL && begins &&
              waiters_hand(&waiters, &third) && first.kept == &third,
          "unless that was lost");
    CHECK(waiters_take(&waiters, &second, false, &begins) == &other && !begins &&
              waiters_take(&waiters, &first, false, &begins) == &third,
          "what was handed is there at the end");
    CHECK(!waiters_hand(&waiters, &one), "and nobody waits any more");
    waiters_leave(&waiters, &first);
    waiters_leave(&waiters, &second);
    CHECK(chain_first(&waiters.list) == NULL, "nor is there");
}

static void test_wait(void)
{
    struct waiters waiters;
    struct waiter waiter;
    struct kept kept;
    bool begins;

    waiters_begin(&waiters);
    waiters_join(&waiters, &waiter);
    (void)waiters_take(&waiters, &waiter, true, &begins);
    waiters_await(&waiters, &waiter, never, NULL, clock_deadline_ms(1));
    CHECK(waiter.kept == NULL, "a wait has an end");
    waiters_await(&waiters, &waiter, always, NULL, NEVER_MS);
    CHECK(waiter.kept == NULL, "which is what else it waits for");
    CHECK(waiters_hand(&waiters, &kept), "one is handed");
    waiters_await(&waiters, &waiter, never, NULL, NEVER_MS);
    CHECK(waiters_take(&waiters, &waiter, true, &begins) == &kept, "or that");
    waiters_leave(&waiters, &waiter);
}

int main(void)
{
    test_order();
    test_wait();
    return tap_done();
}
