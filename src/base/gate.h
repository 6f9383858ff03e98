/*
 * A gate that one thread at a time is behind, where it may stay for long: a lock that is waited for
 * until a deadline only.
 */
#ifndef KITH_GATE_H
#define KITH_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t free;
    bool made; /* the condition */
    bool taken;
};

#define GATE_FREE                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* False if somebody is still behind it by then; else gate_leave has to follow. */
bool gate_enter(struct gate *gate, int64_t deadline_ms);

void gate_leave(struct gate *gate);

#endif
