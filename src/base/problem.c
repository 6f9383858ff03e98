/*
 * Owns the words for what is wrong with a line of a peers file. Must never show more of it than a
 * reader of logs can take in.
 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

enum kith_error peers_refuse(struct peers_problem *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem->why, sizeof problem->why, format, args);
    va_end(args);
    return ERR_PEERS_LINE;
}

int peers_shown(struct text text)
{
    return text.len < PEERS_SHOWN_MAX ? (int)text.len : PEERS_SHOWN_MAX;
}
