/*
 * A helper: a process of ours beside the one on the network, for one thing that this one must not
 * do. It is asked by questions (helpers/question.h), or told by single bytes on its line (filer and
 * runner), and ends when who has forked it does.
 */
#ifndef KITH_HELPER_H
#define KITH_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct helper {
    int line;      /* our end of the line to it; -1 when there is none */
    pid_t process; /* or -1: none to wait for */
};

#define HELPER_NONE ((struct helper){.line = -1, .process = -1})

/* Its whole life, in the forked process: until the line is closed. */
typedef void helper_life(int line, const void *context);

/* Fork it. Before any thread, and before this process is confined. False with errno. */
must_check bool helper_start(struct helper *helper, helper_life *life, const void *context);

/* It could not be started, and errno says why: log that of what, and which, and return the error.
 */
enum kith_error helper_log_failure(const char *what, const char *which);

/*
 * For the helper, once it needs no more: the signals of a terminal are for its parent, whose end it
 * sees, and nothing but these stays open, the line among them, or whoever reads our stdout would
 * not see its end. Nor would who reads stderr, unless that is kept.
 */
void helper_strip(const int *keep, size_t count, bool keeps_stderr);

/* Close the line, at which the helper ends in its own time; nobody waits for that. Fine twice. */
void helper_dismiss(struct helper *helper);

/* Close the line, and wait for its end, unless it was stopped. Fine twice. */
void helper_stop(struct helper *helper);

#endif
