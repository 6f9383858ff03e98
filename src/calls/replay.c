/*
 * Owns the memory of hellos. Must never grow, and takes only what a known peer has signed: a
 * caller who has proven nothing can neither fill it nor find out what is in it.
 */
#include "calls/replay.h"

#include <stdlib.h>
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

struct replay {
    int64_t remembered_ms;
    struct slot slots[SLOTS];
};

struct replay *replay_make(int64_t fresh_ms)
{
    struct replay *replay = calloc(1, sizeof(*replay)); /* pages that are never used cost nothing */

    /* A little longer: the clock that a hello is judged by may run slower than ours for a while. */
    if (replay != NULL)
        replay->remembered_ms = fresh_ms + fresh_ms / 1000 + 10;
    return replay;
}

void replay_free(struct replay *replay)
{
    free(replay);
}

bool replay_enter(struct replay *replay, const uint8_t digest[static HASH_SIZE])
{
    uint32_t start = load_u32be(digest + KEPT);
    int64_t now_ms = clock_now_ms();
    struct slot *place = NULL;
    bool seen = false;

    for (uint32_t i = 0; i < WINDOW && !seen; i++) {
        struct slot *slot = &replay->slots[(start + i) % SLOTS];

        seen = slot->until_ms > now_ms && memcmp(slot->digest, digest, KEPT) == 0;
        /* A free or stale one, or else the one that goes stale first. */
        if (place == NULL || slot->until_ms < place->until_ms)
            place = slot;
    }
    if (!seen) {
        memcpy(place->digest, digest, KEPT);
        place->until_ms = now_ms + replay->remembered_ms;
    }
    return !seen;
}
