/*
 * Time: deadlines on the monotonic clock, timestamps on the wall clock, and the durations that
 * people write. The wall clock is for the wire and for logs alone.
 */
#ifndef KITH_CLOCK_H
#define KITH_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NEVER_MS INT64_MAX /* a deadline that does not come */

/* Milliseconds of the monotonic clock. */
int64_t clock_now_ms(void);

/* Microseconds of the monotonic clock, for figures shown to a user. */
int64_t clock_now_us(void);

/* Milliseconds since the Unix epoch. */
uint64_t clock_wall_ms(void);

/* The deadline that lies ms from now; NEVER_MS for ms = NEVER_MS. */
int64_t clock_deadline_ms(int64_t ms);

/* Make a condition for clock_await. False if the system has no room for one. */
bool clock_condition(pthread_cond_t *condition);

/* Wait for a condition, as pthread_cond_timedwait does; false once the deadline has passed. */
bool clock_await(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms);

/* What is left until the deadline as poll(2) takes it: 0 if it has passed, -1 if it never comes. */
int clock_poll_timeout(int64_t deadline_ms);

/* The earlier of two deadlines. */
int64_t clock_earlier(int64_t a_ms, int64_t b_ms);

/* Do nothing for so long, or until a signal comes that is heeded. */
void clock_sleep_ms(int64_t ms);

/* The pause after one of pause_ms: least_ms after none, then twice as long, most_ms at most. */
int64_t clock_longer_pause(int64_t pause_ms, int64_t least_ms, int64_t most_ms);

/* Read "500ms", "5s", "2m", "1h" (a bare number is seconds), at most a year. False if it is none.
 */
bool clock_parse_duration(const char *text, int64_t *out_ms);

#define CLOCK_UTC_SIZE 48

/*
 * A time of the wall clock as "2026-01-31T23:59:59.999Z". The C library's own ways to that read the
 * local time zone as well, which may be anything.
 */
void clock_format_utc(char out[static CLOCK_UTC_SIZE], uint64_t wall_ms);

/* How many days a month has, from 1 on. */
unsigned clock_days_in(unsigned month, unsigned year);

/*
 * How far a peer's timestamp is from ours, in words: "412.0 s behind" or "0.3 s ahead of".
 */
void clock_format_skew(char *out, size_t size, uint64_t theirs_ms, uint64_t ours_ms);

#endif
