/*
 * The hellos that a reception has seen already and that are still fresh: each is good for one call.
 * Bounded: 2 MiB, of which those pages are used that were written to.
 */
#ifndef KITH_REPLAY_H
#define KITH_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"

struct replay;

/* A memory that keeps each hello for fresh_ms; the caller frees it. NULL: ERR_MEMORY. */
struct replay *replay_make(int64_t fresh_ms);

/* NULL is fine. */
void replay_free(struct replay *replay);

/*
 * Enter the digest of a hello that has been verified as a known peer's. False if it was entered
 * before and is still fresh.
 */
bool replay_enter(struct replay *replay, const uint8_t digest[static HASH_SIZE]);

#endif
