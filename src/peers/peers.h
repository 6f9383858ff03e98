/*
 * A set of peers: who is known, by which name, and under which conditions.
 */
#ifndef KITH_PEERS_H
#define KITH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "peers/peer.h"

/* A set of peers; nothing in it changes once it is read. */
struct peers {
    struct peer *list; /* count of them, sorted by key */
    size_t count;
};

/* Add one key under a name ("" for none) to a set, unless it is there. ERR_MEMORY. */
must_check enum kith_error peers_add(struct peers *peers, const uint8_t key[static KEY_SIZE],
                                     const char *name);

/*
 * Copy one peer, its options too, into another set, unless it is there: then what it has of a
 * namespace of its own is taken alone, where there is none yet. ERR_MEMORY.
 */
must_check enum kith_error peers_add_copy(struct peers *peers, const struct peer *peer);

/* The peer of this key or name, or NULL. Lookups take logarithmic and linear time. */
const struct peer *peers_find_key(const struct peers *peers, const uint8_t key[static KEY_SIZE]);
const struct peer *peers_find_name(const struct peers *peers, const char *name);

/* Free what the set holds; fine on an empty one, and twice. */
void peers_free(struct peers *peers);

#endif
