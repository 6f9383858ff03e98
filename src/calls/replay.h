/*
 * The hellos that were seen already and are still fresh: each is good for one call. Safe for
 * threads, and bounded.
 */
#ifndef KITH_REPLAY_H
#define KITH_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"

/* Remember each hello for fresh_ms from here on. Before any thread. */
void replay_start(int64_t fresh_ms);

/*
 * Enter the digest of a hello that has been verified as a known peer's. False if it was entered
 * before and is still fresh.
 */
bool replay_enter(const uint8_t digest[static HASH_SIZE]);

#endif
