/*
 * Owns the waiting for a gate. Must never wait by the wall clock, which people and machines set.
 */
#include "base/gate.h"

#include "base/clock.h"

bool gate_enter(struct gate *gate, int64_t deadline_ms)
{
    bool in_time = true;
    bool taken;

    (void)pthread_mutex_lock(&gate->lock);
    if (!gate->made)
        gate->made = clock_condition(&gate->free);
    while (gate->taken && in_time)
        in_time = gate->made && clock_await(&gate->free, &gate->lock, deadline_ms);
    taken = !gate->taken;
    if (taken)
        gate->taken = true;
    (void)pthread_mutex_unlock(&gate->lock);
    return taken;
}

void gate_leave(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->taken = false;
    if (gate->made)
        (void)pthread_cond_signal(&gate->free);
    (void)pthread_mutex_unlock(&gate->lock);
}
