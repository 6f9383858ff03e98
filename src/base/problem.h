/*
 * Why a text was refused, one of the command line or a line of a file; or why something could not
 * be done. It begins empty, and counts once something has failed.
 */
#ifndef KITH_PROBLEM_H
#define KITH_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct problem {
    size_t line;      /* of a file, from 1; 0 for none. Whoever reads the file sets it */
    char why[192];    /* raw: base/log.h escapes it */
    const char *hint; /* what to do, or NULL */
};

/*
 * Say why, as for printf; the line stays. Always false: return problem_say(...). problem may be
 * NULL, for a caller who only asks whether.
 */
bool problem_say(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with a constant that says what to do. */
bool problem_advise(struct problem *problem, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Why, for log_failure: NULL if nothing was said. */
const char *problem_why(const struct problem *problem);

/* Where in a file it is: "PATH, line 3". */
void problem_locate(char *out, size_t size, const char *path, const struct problem *problem);

#define PROBLEM_SHOWN_MAX 64 /* characters of what is wrong that a reason shows: a key, whole */

/* How much of a text fits into a reason, as the precision of a %.*s. */
int problem_shown(struct text text);

#endif
