/*
 * The reckoning with descriptors.
 */
#include "daemon/capacity.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "folder.h"
#include "tap.h"

#define LIMIT 100

/* How many descriptors can still be opened. */
static size_t room(void)
{
    int next = dup(STDIN_FILENO);

    (void)close(next);
    return (size_t)(LIMIT - next);
}

static void test_find(void)
{
    int open = names_in("/proc/self/fd");
    struct rlimit limit = {.rlim_cur = LIMIT / 2, .rlim_max = LIMIT};

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        printf("# no limit can be set here: valgrind has its own\n");
        return;
    }
    CHECK(capacity_of_half(3) == room() / 2 / 3, "half of what there can be, in threes");
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == LIMIT, "the limit is raised");
    CHECK(capacity_find(2, 0) == (room() - room() / 4) / 2, "a quarter is left to others");
    CHECK(capacity_find(2, 10) == (room() - room() / 4 - 10) / 2, "and what is wanted beside");
    CHECK(capacity_find(2, LIMIT) == 1, "which have to do with fewer, before there is none");
    CHECK(capacity_find(LIMIT, 0) == 0, "there is no place for what takes all");
    CHECK(names_in("/proc/self/fd") == open, "no descriptor is lost in that");
}

static void test_set_apart(size_t connections, size_t each, size_t callers, size_t left,
                           size_t allowed)
{
    size_t most = connections, apart = callers;

    capacity_set_apart(&most, each, &apart);
    CHECK(most == left && apart == allowed, "of %zu, with %zu each, %zu callers: %zu and %zu",
          connections, each, callers, most, apart);
}

int main(void)
{
    test_find();
    test_set_apart(100, 4, 10, 95, 10);
    test_set_apart(100, 3, 10, 93, 10);
    test_set_apart(100, 4, 60, 75, 50);
    test_set_apart(100, 4, 1000, 75, 50);
    test_set_apart(3, 2, 1000, 2, 1);
    test_set_apart(2, 2, 1000, 1, 1);
    test_set_apart(1, 2, 1000, 1, 1);
    return tap_done();
}
