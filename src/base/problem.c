/*
 * Owns the words for what is wrong. Must never show more of a text than a reader of logs can take
 * in.
 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 0))) static void say_why(struct problem *problem, const char *hint,
                                                          const char *format, va_list args)
{
    if (problem == NULL)
        return;
    (void)vsnprintf(problem->why, sizeof(problem->why), format, args);
    problem->hint = hint;
}

bool problem_say(struct problem *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_why(problem, NULL, format, args);
    va_end(args);
    return false;
}

bool problem_advise(struct problem *problem, const char *hint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_why(problem, hint, format, args);
    va_end(args);
    return false;
}

const char *problem_why(const struct problem *problem)
{
    return problem->why[0] != '\0' ? problem->why : NULL;
}

void problem_locate(char *out, size_t size, const char *path, const struct problem *problem)
{
    (void)snprintf(out, size, "%s, line %zu", path, problem->line);
}

int problem_shown(struct text text)
{
    return text.len < PROBLEM_SHOWN_MAX ? (int)text.len : PROBLEM_SHOWN_MAX;
}
