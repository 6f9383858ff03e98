/*
 * What stands where keygen is to write, and whether -f may put another in its place: only what kith
 * has made is its own to destroy.
 */
#ifndef KITH_KEYGEN_STANDING_H
#define KITH_KEYGEN_STANDING_H

#include <stdbool.h>

/* A secret namespace of keygen: random bytes, as a line of base64. */
#define SECRET_BYTES 32
#define SECRET_DIGITS (SECRET_BYTES / 3 * 4 + 4)

#define STANDING_HINT                                                                              \
    "keygen has not made it, and does not replace it with -f either: name another file"

enum standing {
    STANDS_NOTHING,
    STANDS_EMPTY,   /* of which nothing would be lost */
    STANDS_OURS,    /* of a form that keygen writes */
    STANDS_FOREIGN, /* an identity, open or encrypted, that another program may have made */
    STANDS_OTHER    /* anything else, or not to be read */
};

/* A private key's file. An encrypted key is ours if such a public one is beside it. */
enum standing standing_private(const char *path, const char *public_path);

/* A public key's file. */
enum standing standing_public(const char *path);

/* The file of a secret namespace. */
enum standing standing_secret(const char *path);

/* Whether that is in the way of -f as well; STANDING_HINT says so. */
bool standing_blocks(enum standing standing);

#endif
