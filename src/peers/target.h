/*
 * What a peer is joined to by serve, and the list of those that a peer may be joined to.
 */
#ifndef KITH_TARGET_H
#define KITH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"

enum target_kind { TARGET_ADDRESS, TARGET_PATH, TARGET_PROGRAM };

struct target {
    enum target_kind kind;
    const char *text;       /* as it was given, or the program's name: what permit-target names */
    struct address address; /* unless it is a program; with a host or a path, or neither */
};

/* Read TARGET of the command line, which has to stay. If it is none, problem says why. */
bool target_parse(struct target *target, const char *text, struct problem *problem);

/* The target that a program is, by its name. */
struct target target_of_program(const char *name);

/* permit-target="...,...", as it was read; all zero for every target. */
struct target_list {
    char *texts; /* one after the other, with a NUL after each; len bytes, or NULL */
    size_t len;
};

/* Read a list into one that is none. ERR_USAGE, and problem says why; ERR_MEMORY. */
must_check enum kith_error target_list_parse(struct target_list *list, const char *text,
                                             struct problem *problem);

/* Whether the target is in it, by its text as a whole. */
bool target_list_permits(const struct target_list *list, const struct target *target);

/* Copy it, for target_list_free. ERR_MEMORY: the copy is none. */
must_check enum kith_error target_list_copy(struct target_list *copy,
                                            const struct target_list *list);

/* Free what was read; fine twice. */
void target_list_free(struct target_list *list);

#endif
