/*
 * What a peer is joined to by serve: targets, of which several may have names; and the list of
 * those that a peer may be joined to.
 */
#ifndef KITH_TARGET_H
#define KITH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/problem.h"
#include "base/text.h"
#include "net/address.h"

#define TARGET_NAME_SIZE 65 /* what fits into a record, and its NUL */

enum target_kind { TARGET_ADDRESS, TARGET_PATH, TARGET_PROGRAM };

struct target {
    char name[TARGET_NAME_SIZE]; /* by which peers ask for it; empty for the unnamed one */
    enum target_kind kind;
    const char *text;       /* as it was given without its name, or the program's name */
    struct address address; /* unless it is a program; with a host or a path, or neither */
    const char *line;       /* of a program that is a command line; or NULL */
    size_t program;         /* its number with who starts it (helpers/launcher.h) */
};

/* Those of a serve, or some of them. */
struct targets {
    const struct target *list;
    size_t count;
};

/* Whether a text is the name of a target. If it is none, problem (or NULL) says why. */
bool target_name_check(struct text name, struct problem *problem);

/*
 * Read [NAME=]TARGET of the command line, which has to stay: an address, a path, or exec: and a
 * command line. A name is what stands before the first =, unless that has a colon or a slash in it.
 * If it is none, problem says why.
 */
bool target_parse(struct target *target, const char *text, struct problem *problem);

/* The target that a program is, by its name. */
struct target target_of_program(const char *name);

/* The one of this name, or for "" the unnamed one; NULL if there is none. */
const struct target *targets_find(const struct targets *targets, const char *name);

/* Room for how one is shown, which cuts what is longer. */
#define TARGET_TEXT_SIZE (TARGET_NAME_SIZE + ADDRESS_TEXT_SIZE + 4)

/* "NAME, TEXT", or one of them alone: the text as it was given, unless that is NULL. */
void target_format(char out[static TARGET_TEXT_SIZE], const struct target *target,
                   const char *text);

/* permit-target="...,...", as it was read; all zero for every target. */
struct target_list {
    char *texts; /* one after the other, with a NUL after each; len bytes, or NULL */
    size_t len;
};

/* Read a list into one that is none. ERR_USAGE, and problem says why; ERR_MEMORY. */
must_check enum kith_error target_list_parse(struct target_list *list, const char *text,
                                             struct problem *problem);

/* Whether the target is in it, by its name or its text, each as a whole. */
bool target_list_permits(const struct target_list *list, const struct target *target);

/*
 * One text of the list after the other, from *at = 0 on: NULL at the end, or of a list that is for
 * every target.
 */
const char *target_list_next(const struct target_list *list, size_t *at);

/* Whether a text of such a list means one of these targets. */
bool target_is_among(const char *text, const struct targets *targets);

/* Copy it, for target_list_free. ERR_MEMORY: the copy is none. */
must_check enum kith_error target_list_copy(struct target_list *copy,
                                            const struct target_list *list);

/* Free what was read; fine twice. */
void target_list_free(struct target_list *list);

#endif
