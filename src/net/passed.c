/*
 * Owns the taking of sockets that a supervisor has opened for us. Must never take one that was
 * meant for another process.
 */
#include "net/passed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/text.h"
#include "net/socket.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* A number of the environment: 0 if it is not there, -1 if it is none. */
static long number(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL)
        return 0;
    return text_is_number(value) ? strtol(value, NULL, 10) : -1;
}

/* How many sockets we were given; -1 if nobody can know. */
static long passed_count(void)
{
    return number("LISTEN_PID") == (long)getpid() ? number("LISTEN_FDS") : 0;
}

size_t passed_list(int fds[static PASSED_MAX + 1])
{
    long passed = passed_count();
    size_t count = 0;

    while (count < PASSED_MAX + 1 && (long)count < passed) {
        fds[count] = FIRST_FD + (int)count;
        count++;
    }
    return count;
}

/* One that listens to one of our places; false if it does not listen. */
static bool take_one(struct listeners *listeners, int fd)
{
    if (!socket_is_stream(fd) || !descriptor_listens(fd) || !descriptor_set_nonblocking(fd))
        return false;
    socket_tune(fd);
    listeners->fds[listeners->count++] = fd;
    return true;
}

static enum kith_error refuse_passed(struct problem *problem, const char *why)
{
    (void)problem_say(problem, "%s", why);
    return ERR_BIND;
}

enum kith_error passed_take(struct listeners *list, size_t places, struct problem *problem)
{
    int fds[PASSED_MAX + 1];
    size_t count = passed_list(fds);

    memset(list, 0, places * sizeof(*list));
    if (passed_count() < 0)
        return refuse_passed(problem, "LISTEN_FDS of the environment is not a number");
    if (count == 0)
        return OK;
    if (places == 1 && count > LISTENERS_MAX)
        return refuse_passed(problem, "more sockets than can be taken");
    if (places != 1 && count != places)
        return refuse_passed(problem, "one socket is needed for each place");
    for (size_t i = 0; i < count; i++) {
        if (!take_one(&list[places == 1 ? 0 : i], fds[i]))
            return refuse_passed(problem, "not sockets of a stream that listen");
    }
    for (size_t i = 0; i < places; i++)
        listeners_describe(&list[i]);
    return OK;
}
