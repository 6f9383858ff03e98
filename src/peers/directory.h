/*
 * The people: reading the peers file when a command needs it, and finding out who is meant by
 * what stands on the command line.
 */
#ifndef KITH_DIRECTORY_H
#define KITH_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "keys/key_file.h"
#include "net/address.h"
#include "peers/peer_namespaces.h"
#include "peers/peers.h"

/* A file that the lookup has read for us: what came of it. */
struct file_text {
    const char *path;
    struct key_file file;
    struct namespace_texts namespaces; /* of what a peers file names */
    enum kith_error error;
    int system_errno;
    bool taken; /* by the one that asked for this path */
};

struct directory {
    const char *peers_path;      /* where the peers file is, unless: */
    enum kith_error peers_error; /* what is wrong with that, once it is needed */
    const uint8_t *own_key;
    struct file_text *texts; /* where no file may be opened: those that there are; or NULL */
    size_t text_count;
    struct peers file; /* the peers file, once it was needed */
    bool read;         /* that file */
    bool from_files;   /* it or any other file was read since directory_free */
    struct peers
        *noted; /* where those are put, with their conditions, whom the next two find; or NULL */
};

/* A peer to be called, or to call us. */
struct callee {
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];               /* or empty */
    struct address address;             /* where to call it */
    char target[TARGET_NAME_SIZE];      /* that is asked for there, by its name; or empty */
    struct secret_namespace *namespace; /* its own, which is held; or NULL */
    struct namespace_mark mark;         /* of that */
};

/* Copy it, with a hold of its own; and let go of that, fine twice. */
void callee_copy(struct callee *copy, const struct callee *callee);
void callee_end(struct callee *callee);

/*
 * Read the peers file, unless that has been done. As everything here, it logs what is wrong and
 * returns that error.
 */
must_check enum kith_error directory_read(struct directory *directory);

/*
 * Add who is meant by WHO (a name, a key in hex, a file with public keys) to a set: with all that
 * the peers file says of a name, or such a file of a key.
 */
must_check enum kith_error directory_add(struct directory *directory, const char *text,
                                         struct peers *set);

/*
 * Whether WHO is a name that the peers file, which is in order, does not have. What is wrong with
 * that file is logged, and is no answer.
 */
must_check enum kith_error directory_lacks(struct directory *directory, const char *text,
                                           bool *lacks);

/* Add everyone in the peers file to a set. */
must_check enum kith_error directory_add_all(struct directory *directory, struct peers *set);

/* Where the address begins in PEER, which stands after its last @; NULL if it has none. */
const char *directory_find_address(const char *text);

/*
 * Where the name of a target begins in PEER, which stands after its last colon; NULL if it has
 * none. What is digits alone there is a port.
 */
const char *directory_find_target(const char *text);

/*
 * Find who is meant by PEER (WHO@HOST:PORT, or a name with an address; with or without a target).
 * In any case callee_end has to follow. Who is named by a key has no namespace of its own.
 */
must_check enum kith_error directory_callee(struct directory *directory, const char *text,
                                            struct callee *callee);

/*
 * Find who is meant by WHO or WHO:NAME, who calls us: the same, but for its address.
 */
must_check enum kith_error directory_awaited(struct directory *directory, const char *text,
                                             struct callee *callee);

/* Whether WHO is a file that holds a key, as its form tells. */
bool directory_is_file(const char *text);

/* Overwrite and free what the lookup has read. */
void file_text_wipe(struct file_text *text);

/* Free what was read; fine twice. */
void directory_free(struct directory *directory);

#endif
