/*
 * Owns the progress line on stderr. Must never slow the pump down: it is shown a few times a
 * second on a terminal, and once at the end elsewhere.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define INTERVAL_MS 250

void progress_begin(struct progress *progress, int in)
{
    struct stat status;
    off_t at;

    *progress = (struct progress){
        .begun_us = clock_now_us(),
        .due_ms = clock_now_ms(),
        .on_terminal = isatty(STDERR_FILENO) == 1,
    };
    if (in < 0 || fstat(in, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    at = lseek(in, 0, SEEK_CUR);
    if (at >= 0 && at < status.st_size)
        progress->size = (uint64_t)(status.st_size - at);
}

/* An amount in three digits and a unit of 1024. */
static void format_amount(char *out, size_t size, double amount)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    while (amount >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        amount /= 1024;
        unit++;
    }
    (void)snprintf(out, size, unit == 0 ? "%.0f %s" : "%.2f %s", amount, units[unit]);
}

static void format_time(char *out, size_t size, double seconds)
{
    unsigned long whole = seconds > 0 ? (unsigned long)seconds : 0;

    (void)snprintf(out, size, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
}

static void show(const struct progress *progress, uint64_t sent, uint64_t received, bool last)
{
    double seconds = (double)(clock_now_us() - progress->begun_us) / 1e6;
    double rate = seconds > 0 ? (double)(sent + received) / seconds : 0;
    char out[32], in[32], speed[32], passed[32], left[64] = "", line[256];
    int len;

    format_amount(out, sizeof(out), (double)sent);
    format_amount(in, sizeof(in), (double)received);
    format_amount(speed, sizeof(speed), rate);
    format_time(passed, sizeof(passed), seconds);
    if (!last && progress->size > sent && sent > 0) {
        char time[32];

        format_time(time, sizeof(time), (double)(progress->size - sent) * seconds / (double)sent);
        (void)snprintf(left, sizeof(left), ", %d%%, %s left",
                       (int)((double)sent * 100 / (double)progress->size), time);
    }
    len = snprintf(line, sizeof(line), "%ssent %s, received %s, %s/s, %s%s%s%s",
                   progress->on_terminal ? "\r" : "", out, in, speed, passed, left,
                   progress->on_terminal ? "\033[K" : "", last ? "\n" : "");
    if (len > 0)
        log_show(line, (size_t)len);
}

int64_t progress_show(void *context, uint64_t sent, uint64_t received)
{
    struct progress *progress = context;
    int64_t now_ms = clock_now_ms();

    if (!progress->on_terminal)
        return NEVER_MS;
    if (now_ms >= progress->due_ms) {
        show(progress, sent, received, false);
        progress->due_ms = now_ms + INTERVAL_MS;
    }
    return progress->due_ms;
}

void progress_end(const struct progress *progress, uint64_t sent, uint64_t received)
{
    show(progress, sent, received, true);
}
