/*
 * The peers file: who is known, by which name, and under which conditions.
 */
#ifndef KITH_PEERS_H
#define KITH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/problem.h"
#include "peers/peer.h"

#define PEERS_FILE_MAX (4u << 20) /* bytes in a peers file */

/* A set of peers; nothing in it changes once it is read. */
struct peers {
    struct peer *list; /* count of them, sorted by key */
    size_t count;
};

/* Called for each line that is skipped with a warning (a key of another type). */
typedef void peers_warning(const struct problem *problem, void *context);

/*
 * Parse len bytes of text into an empty set. own_key (or NULL) may not be in it; warn may be NULL.
 * On the first bad line: ERR_PEERS_LINE, *problem says which and why, the set is left empty, as it
 * is on ERR_MEMORY and ERR_CRYPTO.
 */
must_check enum kith_error peers_parse(struct peers *peers, const char *text, size_t len,
                                       const uint8_t *own_key, struct problem *problem,
                                       peers_warning *warn, void *context);

/*
 * Parse a file that holds nothing but public keys into an empty set: one key in any form, or a line
 * for each, as authorized_keys and the pages of code hosts have them: [options] KEY [comment]. A
 * comment that can be a name is one, and a key may be there twice. Lines that are skipped and bad
 * ones are as for peers_parse; ERR_KEY_TYPE if there are none but skipped ones, ERR_FILE_EMPTY if
 * there are none at all; also the errors of public_key_parse, with problem->line 0.
 */
must_check enum kith_error peers_parse_keys(struct peers *peers, const char *text, size_t len,
                                            struct problem *problem, peers_warning *skipped,
                                            void *context);

/* Add one key under a name ("" for none) to a set, unless it is there. ERR_MEMORY. */
must_check enum kith_error peers_add(struct peers *peers, const uint8_t key[static KEY_SIZE],
                                     const char *name);

/* Copy one peer, its options too, into another set, unless it is there. ERR_MEMORY. */
must_check enum kith_error peers_add_copy(struct peers *peers, const struct peer *peer);

/* The peer of this key or name, or NULL. Lookups take logarithmic and linear time. */
const struct peer *peers_find_key(const struct peers *peers, const uint8_t key[static KEY_SIZE]);
const struct peer *peers_find_name(const struct peers *peers, const char *name);

/* Free what the set holds; fine on an empty one, and twice. */
void peers_free(struct peers *peers);

#endif
