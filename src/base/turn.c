/*
 * Owns the waiting for a turn. Must never wait by the wall clock, which people and machines set.
 */
#include "base/turn.h"

#include "base/clock.h"

bool turn_take(struct turn *turn, int64_t deadline_ms)
{
    bool in_time = true;
    bool taken;

    (void)pthread_mutex_lock(&turn->lock);
    if (!turn->made)
        turn->made = clock_condition(&turn->free);
    while (turn->taken && in_time)
        in_time = turn->made && clock_await(&turn->free, &turn->lock, deadline_ms);
    taken = !turn->taken;
    if (taken)
        turn->taken = true;
    (void)pthread_mutex_unlock(&turn->lock);
    return taken;
}

void turn_leave(struct turn *turn)
{
    (void)pthread_mutex_lock(&turn->lock);
    turn->taken = false;
    if (turn->made)
        (void)pthread_cond_signal(&turn->free);
    (void)pthread_mutex_unlock(&turn->lock);
}
