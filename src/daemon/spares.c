/*
 * Owns the reckoning with the channels to have ready. Must never have a peer called again and again
 * that takes none, nor two who wait do so in step.
 */
#include "daemon/spares.h"

#include "base/clock.h"
#include "crypto/crypto.h"

#define CALL_PAUSE_LEAST_MS 1000 /* before a call that has failed is made again */
#define CALL_PAUSE_MOST_MS 30000
#define SETTLED_MS 60000 /* whoever has left us a channel for so long does not chase us */

int64_t spares_about_ms(int64_t ms)
{
    uint8_t random[2] = {0};

    if (ms == NEVER_MS || crypto_random(random, sizeof(random)) != OK)
        return ms;
    return ms - ms / 10 + ms / 5 * (random[0] << 8 | random[1]) / 65536;
}

void spares_begin(struct spares *spares, size_t wanted)
{
    *spares = (struct spares){.wanted = wanted, .pause_ms = CALL_PAUSE_LEAST_MS};
}

void spares_called(struct spares *spares, bool made)
{
    atomic_fetch_add(made ? &spares->succeeded : &spares->failed, 1);
}

/* What happens during a wait does not make it longer: several at once are one. */
static void pause(struct spares *spares, int64_t now_ms)
{
    if (now_ms < spares->again_ms)
        return;
    spares->again_ms = now_ms + spares_about_ms(spares->pause_ms);
    spares->pause_ms =
        clock_longer_pause(spares->pause_ms, CALL_PAUSE_LEAST_MS, CALL_PAUSE_MOST_MS);
}

void spares_look(struct spares *spares, int64_t now_ms)
{
    size_t failed = atomic_exchange(&spares->failed, 0);

    spares->calling -= failed + atomic_exchange(&spares->succeeded, 0);
    if (failed > 0)
        pause(spares, now_ms);
}

bool spares_lack(struct spares *spares, size_t idle, int64_t now_ms)
{
    if (idle + spares->calling >= spares->wanted || now_ms < spares->again_ms)
        return false;
    spares->calling++;
    return true;
}

int64_t spares_due_ms(const struct spares *spares, size_t idle)
{
    return idle + spares->calling < spares->wanted ? spares->again_ms : NEVER_MS;
}

void spares_wasted(struct spares *spares, int64_t lived_ms, int64_t now_ms)
{
    if (lived_ms >= SETTLED_MS)
        spares_used(spares);
    pause(spares, now_ms);
}

void spares_used(struct spares *spares)
{
    spares->pause_ms = CALL_PAUSE_LEAST_MS;
}
