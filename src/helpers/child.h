/*
 * A child of the launcher that becomes a program: its environment, its session, its descriptors.
 */
#ifndef KITH_CHILD_H
#define KITH_CHILD_H

#include <sys/types.h>

#include "helpers/program.h"

/* What it needs for that. */
struct child_plan {
    char *const *argv;
    struct visitor *visitor; /* whose texts may be anything; or NULL: it has our environment */
    int in;                  /* becomes its stdin */
    int out;                 /* becomes its stdout */
    int line;                /* where it is said why it could not be run */
};

/*
 * Fork, and become the program in a session of its own, with who visits in its environment and of
 * our descriptors stderr alone. Returns its process at once, however long that takes to be loaded;
 * -1 with errno.
 */
pid_t child_fork(const struct child_plan *plan);

#endif
