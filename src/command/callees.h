/*
 * Those whom a command is for, as its arguments say: each PEER that is called, or with --accept
 * each WHO that is to call us.
 */
#ifndef KITH_CALLEES_H
#define KITH_CALLEES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "command/options.h"
#include "peers/directory.h"
#include "peers/peers.h"

struct callees {
    const char *const *given; /* the arguments */
    size_t count;             /* or 0 */
    bool call_us;
    char *files[FORWARDS_MAX]; /* of those whose WHO is a file, which that is; else NULL */
};

/* What a reload finds of one. */
struct callee_again {
    struct callee callee;
    bool gone; /* the peers file, which is in order, has no such name */
};

/*
 * Find the files that hold keys of them, which are added to a list. ERR_MEMORY is logged.
 * callees_end has to follow.
 */
must_check enum kith_error callees_list_files(struct callees *callees, const char **files,
                                              size_t *file_count);

/*
 * Who each of them is; and with their conditions, to a set, those who have some. found is zeroed
 * before, and callee_end has to follow for each. What is wrong is logged, as in the next two.
 */
must_check enum kith_error callees_find(const struct callees *callees, struct directory *directory,
                                        struct callee *found, struct peers *conditions);

/* The same once more, where OK does not mean that nobody is gone. Zeroed before the first time. */
must_check enum kith_error callees_find_again(const struct callees *callees,
                                              struct directory *directory,
                                              struct callee_again *found, struct peers *conditions);

/* Add those who are not gone to a set. */
must_check enum kith_error callees_add(const struct callees *callees, struct directory *directory,
                                       struct peers *peers);

/* Fine twice. */
void callees_end(struct callees *callees);

#endif
