/*
 * Reading a set of peers: the peers file, and files that hold nothing but keys.
 */
#ifndef KITH_PEERS_FILE_H
#define KITH_PEERS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/problem.h"
#include "base/text.h"
#include "peers/peers.h"

#define PEERS_FILE_MAX (4u << 20) /* bytes in a peers file */

/* Called for each line that is skipped with a warning (a key of another type). */
typedef void peers_warning(const struct problem *problem, void *context);

/* Who reads a file: what may not be in it, and whom skipped lines are told to. */
struct peers_reader {
    const uint8_t *own_key; /* or NULL */
    peers_warning *warn;    /* or NULL */
    void *context;          /* of warn */
};

/*
 * Parse len bytes of text into an empty set; reader may be NULL. Files that it names are not read
 * (peers/peer_namespaces.h).
 * On the first bad line: ERR_PEERS_LINE, *problem says which and why, the set is left empty, as it
 * is on ERR_MEMORY and ERR_CRYPTO.
 */
must_check enum kith_error peers_parse(struct peers *peers, const char *text, size_t len,
                                       const struct peers_reader *reader, struct problem *problem);

/*
 * Parse a file that holds nothing but public keys into an empty set: one key in any form, or a line
 * for each, as authorized_keys and the pages of code hosts have them: [options] KEY [comment]. A
 * comment that can be a name is one, and a key may be there twice. Lines that are skipped and bad
 * ones are as for peers_parse; ERR_KEY_TYPE if there are none but skipped ones, ERR_FILE_EMPTY if
 * there are none at all; also the errors of public_key_parse, with problem->line 0.
 */
must_check enum kith_error peers_parse_keys(struct peers *peers, const char *text, size_t len,
                                            const struct peers_reader *reader,
                                            struct problem *problem);

/*
 * The parts of that. Take [options] KEY and the blanks after it off a line, into a peer that has
 * nothing yet; it is the caller's to free in any case. ERR_KEY_TYPE for one that is in order but
 * for its type of key, ERR_PEERS_LINE; problem says which. ERR_MEMORY, ERR_CRYPTO.
 */
must_check enum kith_error peers_take_key(struct peer *peer, struct text *line,
                                          struct problem *problem);

/* Whether a line says nothing, and whether the first one that does is meant to be PEM. */
bool peers_line_is_comment(struct text line);
bool peers_text_is_pem(struct text text);

#endif
