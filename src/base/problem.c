/*
 * Owns the words for what is wrong with a line of a peers file. Must never show more of it than a
 * reader of logs can take in.
 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 0))) static enum kith_error
refuse(struct peers_problem *problem, const char *hint, const char *format, va_list args)
{
    (void)vsnprintf(problem->why, sizeof(problem->why), format, args);
    problem->hint = hint;
    return ERR_PEERS_LINE;
}

enum kith_error peers_refuse(struct peers_problem *problem, const char *format, ...)
{
    va_list args;
    enum kith_error error;

    va_start(args, format);
    error = refuse(problem, NULL, format, args);
    va_end(args);
    return error;
}

enum kith_error peers_refuse_with(const char *hint, struct peers_problem *problem,
                                  const char *format, ...)
{
    va_list args;
    enum kith_error error;

    va_start(args, format);
    error = refuse(problem, hint, format, args);
    va_end(args);
    return error;
}

int peers_shown(struct text text)
{
    return text.len < PEERS_SHOWN_MAX ? (int)text.len : PEERS_SHOWN_MAX;
}
