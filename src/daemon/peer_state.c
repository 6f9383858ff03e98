/*
 * Owns the words for whether a peer is there. Must never find that out.
 */
#include "daemon/peer_state.h"

const char *peer_state_say(enum peer_state state, bool calls_us)
{
    switch (state) {
    case PEER_UNKNOWN:
        return calls_us ? "has not called yet" : "was not called yet";
    case PEER_THERE:
        return "is there";
    case PEER_LOST:
        return "is not there";
    case PEER_GONE:
        break;
    }
    return calls_us ? "may no longer call" : "is no longer called";
}

bool peer_state_is_absent(enum peer_state state)
{
    return state == PEER_LOST || state == PEER_GONE;
}

bool peer_state_has_changed(enum peer_state *told, enum peer_state now)
{
    bool changed = *told != now;

    *told = now;
    return changed;
}
