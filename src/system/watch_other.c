/*
 * Owns watches where there is kqueue(2). Must never wait.
 */
#ifndef __linux__
#include "system/watch.h"

#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>

int watch_make(void)
{
    return kqueue();
}

bool watch_add(int watch, int fd, void *thing)
{
    struct kevent change;

    EV_SET(&change, (uintptr_t)fd, EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, thing);
    return kevent(watch, &change, 1, NULL, 0, NULL) == 0;
}

void watch_remove(int watch, int fd)
{
    struct kevent change;

    EV_SET(&change, (uintptr_t)fd, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    (void)kevent(watch, &change, 1, NULL, 0, NULL);
}

size_t watch_ready(int watch, void **things, size_t most)
{
    static const struct timespec at_once;
    struct kevent events[WATCH_MOST];
    int count =
        kevent(watch, NULL, 0, events, most < WATCH_MOST ? (int)most : WATCH_MOST, &at_once);

    for (int i = 0; i < count; i++)
        things[i] = (void *)events[i].udata;
    return count > 0 ? (size_t)count : 0;
}
#else
typedef int watch_other_is_empty;
#endif
