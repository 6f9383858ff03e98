/*
 * Owns how the values of options are read. Must never take one for another: no sign, no blank, no
 * more than what is said.
 */
#include "command/option_values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

bool value_size(const char *text, size_t most, size_t *out)
{
    static const char units[] = "KMGkmg";
    char *end;
    unsigned long long value;
    const char *unit;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || value > most)
        return false;
    unit = *end == '\0' ? NULL : strchr(units, *end);
    if (*end != '\0' && (unit == NULL || end[1] != '\0'))
        return false;
    if (unit != NULL)
        value <<= 10 * ((unit - units) % 3 + 1);
    *out = (size_t)value;
    return value >= 1 && value <= most;
}

bool value_number(const char *text, size_t least, size_t most, size_t *out)
{
    size_t len = strlen(text);

    if (len == 0 || len > 7 || strspn(text, "0123456789") != len)
        return false;
    *out = (size_t)strtoul(text, NULL, 10);
    return *out >= least && *out <= most;
}

bool value_duration(const char *text, int64_t least_ms, int64_t most_ms, int64_t *out_ms)
{
    return clock_parse_duration(text, out_ms) && *out_ms >= least_ms && *out_ms <= most_ms;
}

bool value_descriptor(const char *text, int *out)
{
    size_t len = strlen(text);
    int flags;

    if (len == 0 || len > 6 || strspn(text, "0123456789") != len)
        return false;
    *out = (int)strtol(text, NULL, 10);
    flags = fcntl(*out, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool value_choice(const char *text, const char *yes, const char *no, bool *out)
{
    *out = strcmp(text, yes) == 0;
    return *out || strcmp(text, no) == 0;
}
