/*
 * The silence of a peer that owes us something: once it lasts too long for its system to be there,
 * the peer is gone. Our own system tells that, and is asked now and then.
 */
#ifndef KITH_SILENCE_H
#define KITH_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/sender.h"

struct silence {
    int64_t look_ms;       /* when to ask next, while the peer owes us something */
    uint64_t acknowledged; /* of what was sent, when last asked */
};

/* From now on. */
struct silence silence_begin(void);

/* When to ask next, or NEVER_MS: the peer owes us nothing. To be called before each wait. */
int64_t silence_due_ms(struct silence *silence, const struct sender *sender);

/* Ask, if it is time. True if the peer owes us something and is silent for too long. */
bool silence_is_too_long(struct silence *silence, const struct sender *sender, int64_t now_ms);

#endif
