/*
 * The memory of hellos: each is good once while it is fresh, and it never grows.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls/replay.h"
#include "tap.h"

#define WINDOW 16 /* digests that want the same place and are remembered */

static struct replay *memory;

/* An empty one, instead of the one that was there. */
static void remember(int64_t fresh_ms)
{
    replay_free(memory);
    memory = replay_make(fresh_ms);
}

/* A digest that is number's, and whose place in the memory the last four of its bytes tell. */
static const uint8_t *digest_at(uint32_t number, const uint8_t place[static 8])
{
    static uint8_t digest[HASH_SIZE];

    memset(digest, 0x5a, sizeof(digest));
    memcpy(digest, &number, sizeof(number));
    memcpy(digest + HASH_SIZE - 8, place, 8);
    return digest;
}

static const uint8_t somewhere[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t elsewhere[8] = {8, 7, 6, 5, 4, 3, 2, 1};
static const uint8_t last[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void test_once(void)
{
    uint8_t other[HASH_SIZE];

    CHECK(replay_enter(memory, digest_at(1, somewhere)), "a digest that is new is taken");
    CHECK(!replay_enter(memory, digest_at(1, somewhere)), "and not a second time");
    CHECK(replay_enter(memory, digest_at(2, somewhere)), "another one at the same place is taken");
    CHECK(!replay_enter(memory, digest_at(1, somewhere)), "and the first one is still known");
    for (size_t i = 0; i < 24; i++) {
        memcpy(other, digest_at(1, somewhere), sizeof(other));
        other[i] ^= 1;
        CHECK(replay_enter(memory, other), "one with another byte %zu is another", i);
        if (i == 11)
            CHECK(!replay_enter(memory, digest_at(1, somewhere)), "half-way, the first is known");
    }
}

/* More at one place than it holds: the oldest is forgotten, and no more than that. */
static void test_full(const uint8_t place[static 8], const char *name)
{
    bool taken = true, known = true;

    for (uint32_t i = 0; i <= WINDOW; i++)
        taken = replay_enter(memory, digest_at(100 + i, place)) && taken;
    CHECK(taken, "%s: one more than it holds are taken", name);
    for (uint32_t i = 1; i <= WINDOW; i++)
        known = !replay_enter(memory, digest_at(100 + i, place)) && known;
    CHECK(known, "%s: all but the oldest are known", name);
}

/* In a process of its own, with a short memory: what was fresh is taken again in the end. */
static void test_stale(void)
{
    pid_t process = fork();
    int status = 0;

    if (process == 0) {
        (void)alarm(30);
        remember(20);
        if (!replay_enter(memory, digest_at(1, somewhere)))
            _exit(1);
        while (!replay_enter(memory, digest_at(1, somewhere)))
            continue;
        _exit(0);
    }
    CHECK(process > 0 && waitpid(process, &status, 0) == process && status == 0,
          "a digest is taken again when it is fresh no longer");
}

/* A hello is fresh to the last millisecond of its time: so long it is known, and a moment more. */
static void test_last_moment(void)
{
    static const uint8_t place[8] = {3};
    unsigned known = 0;

    remember(0);
    for (uint32_t i = 0; i < 1000; i++)
        known +=
            replay_enter(memory, digest_at(i, place)) && !replay_enter(memory, digest_at(i, place));
    CHECK(known > 0, "in its last millisecond a digest is known (%u of 1000)", known);
}

int main(void)
{
    test_stale();
    test_last_moment();
    remember(3600 * 1000);
    test_once();
    test_full(elsewhere, "somewhere else");
    test_full(last, "at the end, which goes on at the start");
    replay_free(memory);
    return tap_done();
}
