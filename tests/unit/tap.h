/*
 * The unit tests' only tool: each check is a line of TAP, the plan comes last.
 */
#ifndef KITH_TAP_H
#define KITH_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count;
static int tap_failed;

/* One check: the condition, then what it says, as for printf. */
#define CHECK(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5))) static inline void
tap_check(bool passed, const char *file, int line, const char *format, ...)
{
    va_list args;
    printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (!passed) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
}

/* The plan, and main's return value. */
static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed == 0 && tap_count > 0 ? 0 : 1;
}

#endif
