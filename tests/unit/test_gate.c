/*
 * Waits that have a deadline, while the wall clock is set.
 */
#define _DEFAULT_SOURCE /* syscall */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/gate.h"
#include "tap.h"

#define HOUR_S 3600

static time_t ahead_s; /* of what the system takes for the time of day */

/* The library's is not asked: a wait that begins by this clock sees it set meanwhile. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);

    if (id == CLOCK_REALTIME)
        now->tv_sec += ahead_s;
    return result;
}

static struct gate gate = GATE_FREE;

static void *take_and_leave(void *taken)
{
    *(bool *)taken = gate_enter(&gate, clock_deadline_ms(20000));
    if (*(bool *)taken)
        gate_leave(&gate);
    return NULL;
}

/* Whether somebody who waits gets the gate once it is free. */
static bool is_passed_on(void)
{
    bool taken = false;
    pthread_t other;

    if (!gate_enter(&gate, clock_deadline_ms(0)) ||
        pthread_create(&other, NULL, take_and_leave, &taken) != 0)
        return false;
    (void)gate_enter(&gate, clock_deadline_ms(200)); /* it has begun to wait by then */
    gate_leave(&gate);
    (void)pthread_join(other, NULL);
    return taken;
}

static bool is_given_up(void)
{
    int64_t before_ms = clock_now_ms(), waited_ms;
    bool taken = !gate_enter(&gate, clock_deadline_ms(0)) || gate_enter(&gate, before_ms + 50);

    waited_ms = clock_now_ms() - before_ms;
    gate_leave(&gate);
    return !taken && waited_ms >= 50;
}

int main(void)
{
    static const time_t sets[] = {0, HOUR_S, -HOUR_S};

    (void)alarm(60);
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        ahead_s = sets[i];
        CHECK(is_passed_on(), "a clock set by %ld s: who waits has its gate", (long)sets[i]);
        CHECK(is_given_up(), "a clock set by %ld s: it is given up in time", (long)sets[i]);
    }
    return tap_done();
}
