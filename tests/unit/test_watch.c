/*
 * A watch: each is told once, and those alone that are watched.
 */
#include "system/watch.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

#define COUNT 3

static int watch;
static int pairs[COUNT][2]; /* the first of each is watched */

static bool is_ready(void)
{
    struct pollfd look = {.fd = watch, .events = POLLIN};

    return poll(&look, 1, 0) == 1;
}

/* Watch that of a number, whose pair stands for it. */
static void add(int i)
{
    CHECK(watch_add(watch, pairs[i][0], pairs[i]), "it is watched");
}

static void test_once(void)
{
    void *ready[COUNT] = {NULL};

    for (int i = 0; i < COUNT; i++)
        add(i);
    CHECK(!is_ready() && watch_ready(watch, ready, COUNT) == 0, "nothing is ready");
    CHECK(send(pairs[1][1], "", 1, 0) == 1 && is_ready(), "one can be read");
    CHECK(watch_ready(watch, ready, COUNT) == 1 && ready[0] == pairs[1], "which is told");
    CHECK(!is_ready() && watch_ready(watch, ready, COUNT) == 0, "and is not told again");
    watch_remove(watch, pairs[1][0]);
    add(1);
    CHECK(watch_ready(watch, ready, COUNT) == 1 && ready[0] == pairs[1],
          "until it is watched again");
    watch_remove(watch, pairs[1][0]);
}

static void test_removed(void)
{
    void *ready[COUNT];

    watch_remove(watch, pairs[2][0]);
    CHECK(send(pairs[2][1], "", 1, 0) == 1 && !is_ready() && watch_ready(watch, ready, COUNT) == 0,
          "one that is watched no longer is not told");
    (void)close(pairs[0][1]);
    CHECK(watch_ready(watch, ready, COUNT) == 1 && ready[0] == pairs[0], "an end is told");
    watch_remove(watch, pairs[0][0]);
}

static void test_room(void)
{
    void *ready[COUNT] = {NULL};

    for (int i = 0; i < COUNT; i++)
        add(i); /* all can be read by now */
    CHECK(watch_ready(watch, ready, 2) == 2 && ready[2] == NULL,
          "no more are told than there is room for");
    CHECK(watch_ready(watch, ready + 2, 1) == 1 && ready[2] != ready[0] && ready[2] != ready[1],
          "the others are told later");
}

int main(void)
{
    watch = watch_make();
    for (int i = 0; i < COUNT; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) != 0)
            return 1;
    }
    test_once();
    test_removed();
    test_room();
    return tap_done();
}
