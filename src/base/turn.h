/*
 * What one thread at a time may do, where who does it may take long: a lock that is waited for
 * until a deadline only.
 */
#ifndef KITH_TURN_H
#define KITH_TURN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct turn {
    pthread_mutex_t lock;
    pthread_cond_t free;
    bool made; /* the condition */
    bool taken;
};

#define TURN_FREE                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* False if it is not free by then; else turn_leave has to follow. */
bool turn_take(struct turn *turn, int64_t deadline_ms);

void turn_leave(struct turn *turn);

#endif
