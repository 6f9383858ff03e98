/*
 * From a file of keys, as other programs have it, to lines for the peers file.
 */
#ifndef KITH_IMPORT_H
#define KITH_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/problem.h"
#include "peers/peers.h"
#include "peers/peers_file.h"

#define IMPORT_FILE_MAX (256u << 10) /* bytes in such a file */

/* Whom the keys may join, and what they are to be called. */
struct import_terms {
    const struct peers *known; /* what the peers file has */
    const uint8_t *own_key;    /* which is left out; or NULL */
    const char *name;          /* of whoever holds all of them, fit for one; or NULL */
    /* Where he is called, which becomes addr in front of each; or NULL. */
    const struct address *address;
    peers_warning *warn; /* of lines of the file that are skipped; with this context */
    void *context;
};

struct import {
    struct peers keys;  /* all that the file holds */
    struct peers added; /* those of them that are new, under the names they get */
    char *lines;        /* theirs, a line each with what was before the key; NULL for none */
};

/*
 * Compose the lines of what a file holds, which peers_parse_keys reads: its errors, and its skipped
 * lines. Without a name in the terms each has the first word of its comment, up to its @; where a
 * name is another key's of this file, a number is put after it. ERR_NAME_TAKEN if it is somebody
 * else's, ERR_PEERS_LINE if there is none; problem then says which line. import_free has
 * to follow in any case.
 */
must_check enum kith_error import_compose(struct import *import, const struct import_terms *terms,
                                          const char *text, size_t len, struct problem *problem);

/* Free what it holds; fine twice. */
void import_free(struct import *import);

#endif
