/*
 * Owns watches on Linux: epoll(7). Must never wait.
 */
#ifdef __linux__
#include "system/watch.h"

#include <sys/epoll.h>

int watch_make(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

bool watch_add(int watch, int fd, void *thing)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = thing};

    return epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event) == 0;
}

void watch_remove(int watch, int fd)
{
    struct epoll_event none = {.events = 0};

    (void)epoll_ctl(watch, EPOLL_CTL_DEL, fd, &none);
}

size_t watch_ready(int watch, void **things, size_t most)
{
    struct epoll_event events[WATCH_MOST];
    int count = epoll_wait(watch, events, most < WATCH_MOST ? (int)most : WATCH_MOST, 0);

    for (int i = 0; i < count; i++)
        things[i] = events[i].data.ptr;
    return count > 0 ? (size_t)count : 0;
}
#else
typedef int watch_linux_is_empty;
#endif
