/*
 * Owns the memory of hellos. Must never grow, and takes only what a known peer has signed: a
 * caller who has proven nothing can neither fill it nor find out what is in it.
 */
#include "calls/replay.h"

#include <pthread.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

#define SLOTS 65536 /* over 4,000 calls a second with the usual 15 s of freshness */
#define WINDOW 16   /* slots that a digest may be in */
#define KEPT 24     /* bytes of a digest: enough that no two are alike */

struct slot {
    uint8_t digest[KEPT];
    int64_t until_ms; /* 0: free */
};

static struct slot slots[SLOTS]; /* pages that are never used cost nothing */
static int64_t remembered_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void replay_start(int64_t fresh_ms)
{
    /* A little longer: the clock that a hello is judged by may run slower than ours for a while. */
    remembered_ms = fresh_ms + fresh_ms / 1000 + 10;
}

bool replay_enter(const uint8_t digest[static HASH_SIZE])
{
    uint32_t start = load_u32be(digest + KEPT);
    int64_t now_ms = clock_now_ms();
    struct slot *place = NULL;
    bool seen = false;

    (void)pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < WINDOW && !seen; i++) {
        struct slot *slot = &slots[(start + i) % SLOTS];

        seen = slot->until_ms > now_ms && memcmp(slot->digest, digest, KEPT) == 0;
        /* A free or stale one, or else the one that goes stale first. */
        if (place == NULL || slot->until_ms < place->until_ms)
            place = slot;
    }
    if (!seen) {
        memcpy(place->digest, digest, KEPT);
        place->until_ms = now_ms + remembered_ms;
    }
    (void)pthread_mutex_unlock(&lock);
    return !seen;
}
