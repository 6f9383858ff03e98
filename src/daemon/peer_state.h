/*
 * Whether a peer is there, as far as calls say, and the words for that. Pure.
 */
#ifndef KITH_PEER_STATE_H
#define KITH_PEER_STATE_H

#include <stdbool.h>

enum peer_state {
    PEER_UNKNOWN, /* nothing has been tried, or has come */
    PEER_THERE,
    PEER_LOST,
    PEER_GONE /* the peers file no longer says who and where it is */
};

/* In words, after its name: of one that calls us, or that we call. */
const char *peer_state_say(enum peer_state state, bool calls_us);

/* Whether it is to be said unasked: the peer was there, or was to be, and is not. */
bool peer_state_is_absent(enum peer_state state);

/* Whether it is another than was told last, which it is from here on. */
bool peer_state_has_changed(enum peer_state *told, enum peer_state now);

#endif
