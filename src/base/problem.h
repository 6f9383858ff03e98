/*
 * Why a peers file was refused, or a line of it skipped.
 */
#ifndef KITH_PROBLEM_H
#define KITH_PROBLEM_H

#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

struct peers_problem {
    size_t line;      /* from 1 */
    char why[160];    /* raw: base/log.h escapes it */
    const char *hint; /* what to do, or NULL */
};

/* Say why a line is refused, as for printf. Always ERR_PEERS_LINE. */
enum kith_error peers_refuse(struct peers_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with a constant that says what to do. */
enum kith_error peers_refuse_with(const char *hint, struct peers_problem *problem,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

#define PEERS_SHOWN_MAX 48 /* characters of what is wrong that a reason shows */

/* How much of a text fits into a reason, as the precision of a %.*s. */
int peers_shown(struct text text);

#endif
