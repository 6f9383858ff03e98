/*
 * The launcher: a process of its own that starts, ends and reaps the programs of --exec and exec:,
 * and those of --via.
 * So the one that faces the network executes nothing, and is confined although it has programs.
 */
#ifndef KITH_LAUNCHER_H
#define KITH_LAUNCHER_H

#include <stddef.h>

#include "base/error.h"
#include "helpers/helper.h"

/* The programs that there may be: count of them, each the words to execute. */
struct programs {
    char *const *const *list;
    size_t count;
    const char *via; /* or instead of them the CMD of --via, whose place the order says */
};

/*
 * Fork it; it starts these and nothing else, and has at most this many at a time. What a
 * program inherits is what there is now, but for the limits that protect_give_back knows. Before
 * any thread, and before this process is confined. ERR_PROCESS, ERR_SYSTEM, which are logged.
 */
must_check enum kith_error launcher_start(struct helper *launcher, const struct programs *programs,
                                          size_t most);

/*
 * Have it end, and all of its programs, and wait for that; for no more than five seconds, where it
 * was stopped, or may not signal one. Fine twice.
 */
void launcher_stop(struct helper *launcher);

#endif
