/*
 * Owns the reckoning with descriptors. Must never promise a place that a connection, and what it is
 * joined to, cannot have.
 */
#include "daemon/capacity.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#define CAPACITY_MOST (1 << 20)
#define SPARE_LEAST 4 /* for what is being made or read at one time: a program's pipes, a file */
#define SPARE_MOST 64

/* The limit on descriptors, after it was raised. */
static size_t find_limit(void)
{
    struct rlimit limit = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > CAPACITY_MOST
               ? CAPACITY_MOST
               : (size_t)limit.rlim_cur;
}

/* How many are open: what we were not given is dense, and the lowest free number is the next. */
static size_t count_open(size_t limit)
{
    int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    if (next < 0)
        return limit;
    (void)close(next);
    return (size_t)next;
}

/* How many can still be opened. */
static size_t find_room(void)
{
    size_t limit = find_limit();
    size_t open = count_open(limit);

    return limit > open ? limit - open : 0;
}

size_t capacity_of_half(size_t each)
{
    return find_room() / 2 / each;
}

size_t capacity_find(size_t each, size_t beside)
{
    size_t room = find_room();
    size_t spare = room / 4;

    if (spare < SPARE_LEAST)
        spare = SPARE_LEAST;
    if (spare > SPARE_MOST)
        spare = SPARE_MOST;
    if (room < spare + each)
        return 0;
    room -= spare;
    return room > beside + each ? (room - beside) / each : 1;
}

void capacity_set_apart(size_t *connections, size_t each, size_t *callers)
{
    size_t taken;

    if (*callers > *connections / 2)
        *callers = *connections < 2 ? 1 : *connections / 2;
    taken = (CAPACITY_OF_HANDSHAKE * *callers + each - 1) / each;
    if (taken < *connections)
        *connections -= taken;
}

void capacity_say(const char *what, size_t most)
{
    char why[96];

    (void)snprintf(why, sizeof(why), "there are descriptors for %zu connections only", most);
    log_event(LOG_NOTE, what, "--max-connections", why, "see ulimit -n");
}
