/*
 * The secret namespaces that single peers have: reading the files that lines of the peers file
 * name; by ourselves, or by a helper, whose answer this packs and opens.
 */
#ifndef KITH_PEER_NAMESPACES_H
#define KITH_PEER_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/problem.h"
#include "keys/key_file.h"
#include "keys/secret_namespace.h"
#include "peers/peers.h"

#define PEER_NAMESPACES_MAX 1024 /* in one peers file */

/* What a helper has read, packed, in the order of the peers; a secret. */
struct namespace_texts {
    uint8_t *bytes; /* len of them; belongs to this struct */
    size_t len;
    size_t used; /* by whoever opens it */
};

#define NAMESPACE_TEXT_MAX (16 + NAMESPACE_GIVEN_MAX) /* bytes of one, packed */
#define NAMESPACE_TEXTS_MAX ((size_t)PEER_NAMESPACES_MAX * NAMESPACE_TEXT_MAX)

/*
 * Read the file of each peer of a set that names one: a path that is not absolute begins at the
 * folder of peers_path. Out of texts, or from the file system where that is NULL. ERR_PEERS_LINE,
 * and *problem says which line and why; ERR_MEMORY, ERR_CRYPTO. A file that its group can read is
 * warned about.
 */
must_check enum kith_error peer_namespaces_read(struct peers *peers, const char *peers_path,
                                                struct namespace_texts *texts,
                                                struct problem *problem);

/*
 * For a helper: read the files that this peers file names, as whoever opens them will ask for them.
 * Nothing is made of a file that is not in order. False for want of memory.
 */
must_check bool peer_namespaces_pack(struct namespace_texts *texts, const char *peers_path,
                                     const struct key_file *file);

/* Overwrite and free; fine twice. */
void namespace_texts_wipe(struct namespace_texts *texts);

#endif
