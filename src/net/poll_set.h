/*
 * The descriptors of one poll: each party puts its own in, and looks at them when poll has
 * returned.
 */
#ifndef KITH_POLL_SET_H
#define KITH_POLL_SET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct poll_set {
    struct pollfd *fds;
    size_t count;
    size_t size;
};

/* One that is in no set: nothing is ever ready there. */
#define POLL_SET_NONE SIZE_MAX

/* Make room for that many descriptors. ERR_MEMORY. */
must_check enum kith_error poll_set_make(struct poll_set *set, size_t size);

/* Take all out. */
void poll_set_clear(struct poll_set *set);

/*
 * Put a descriptor in, for these events of poll(2). Returns its place, or POLL_SET_NONE for a
 * descriptor below 0 and where there is no room.
 */
size_t poll_set_add(struct poll_set *set, int fd, short events);

/* Wait until one of them is ready, or for the deadline. False with errno. */
bool poll_set_wait(struct poll_set *set, int64_t deadline_ms);

/* Whether there is anything at a place: what was asked for, an error, or a hangup. */
bool poll_set_is_ready(const struct poll_set *set, size_t place);

/* Fine twice. */
void poll_set_free(struct poll_set *set);

#endif
