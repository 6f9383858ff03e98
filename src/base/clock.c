/*
 * Owns the reading of the two clocks. Must never let the wall clock decide a deadline.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_S 1000
#define MAX_DURATION_MS (INT64_C(366) * 24 * 3600 * MS_PER_S)

/* Both clocks are mandatory in POSIX.1-2008: clock_gettime cannot fail on them. */
static struct timespec read_clock(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return now;
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_now_us(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / 1000000;
}

int64_t clock_deadline_ms(int64_t ms)
{
    return ms == NEVER_MS ? NEVER_MS : clock_now_ms() + ms;
}

int64_t clock_earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

void clock_sleep_ms(int64_t ms)
{
    (void)poll(NULL, 0, ms < INT_MAX ? (int)ms : INT_MAX);
}

int64_t clock_longer_pause(int64_t pause_ms, int64_t least_ms, int64_t most_ms)
{
    return pause_ms == 0 ? least_ms : clock_earlier(2 * pause_ms, most_ms);
}

int clock_poll_timeout(int64_t deadline_ms)
{
    int64_t left;

    if (deadline_ms == NEVER_MS)
        return -1;
    left = deadline_ms - clock_now_ms();
    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool clock_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool made;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

bool clock_await(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms)
{
    const struct timespec until = {
        .tv_sec = (time_t)(deadline_ms / MS_PER_S),
        .tv_nsec = (long)(deadline_ms % MS_PER_S) * 1000000,
    };

    if (deadline_ms == NEVER_MS)
        return pthread_cond_wait(condition, lock) == 0;
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

bool clock_parse_duration(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        if (value > MAX_DURATION_MS)
            return false;
    }
    if (at == text)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(at, units[i].suffix) == 0) {
            if (value > MAX_DURATION_MS / units[i].ms)
                return false;
            *out_ms = value * units[i].ms;
            return true;
        }
    }
    return false;
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned clock_days_in(unsigned month, unsigned year)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

void clock_format_utc(char out[static CLOCK_UTC_SIZE], uint64_t wall_ms)
{
    uint64_t seconds = wall_ms / MS_PER_S, days = seconds / 86400;
    unsigned year = 1970, month = 1, second = (unsigned)(seconds % 86400);

    for (; year < 9999 && days >= (is_leap(year) ? 366 : 365); year++)
        days -= is_leap(year) ? 366 : 365;
    for (; month < 12 && days >= clock_days_in(month, year); month++)
        days -= clock_days_in(month, year);
    (void)snprintf(out, CLOCK_UTC_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
                   (unsigned)days + 1, second / 3600, second / 60 % 60, second % 60,
                   (unsigned)(wall_ms % MS_PER_S));
}

void clock_format_skew(char *out, size_t size, uint64_t theirs_ms, uint64_t ours_ms)
{
    bool ahead = theirs_ms > ours_ms;
    uint64_t apart_ms = ahead ? theirs_ms - ours_ms : ours_ms - theirs_ms;

    (void)snprintf(out, size, "%" PRIu64 ".%03u s %s", apart_ms / MS_PER_S,
                   (unsigned)(apart_ms % MS_PER_S), ahead ? "ahead of" : "behind");
}
