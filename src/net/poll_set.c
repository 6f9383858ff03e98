/*
 * Owns the array that poll(2) is given. Must never grow while it is in use: a party that comes too
 * late is looked at in the next round.
 */
#include "net/poll_set.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

enum kith_error poll_set_make(struct poll_set *set, size_t size)
{
    *set = (struct poll_set){.fds = calloc(size, sizeof(struct pollfd)), .size = size};
    return set->fds != NULL ? OK : ERR_MEMORY;
}

void poll_set_clear(struct poll_set *set)
{
    set->count = 0;
}

size_t poll_set_add(struct poll_set *set, int fd, short events)
{
    if (fd < 0 || set->count == set->size)
        return POLL_SET_NONE;
    set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
    return set->count++;
}

bool poll_set_wait(struct poll_set *set, int64_t deadline_ms)
{
    int ready = poll(set->fds, (nfds_t)set->count, clock_poll_timeout(deadline_ms));

    if (ready >= 0)
        return true;
    for (size_t i = 0; i < set->count; i++) /* what they say is of no poll */
        set->fds[i].revents = 0;
    return errno == EINTR;
}

bool poll_set_is_ready(const struct poll_set *set, size_t place)
{
    return place < set->count && set->fds[place].revents != 0;
}

void poll_set_free(struct poll_set *set)
{
    free(set->fds);
    *set = (struct poll_set){0};
}
