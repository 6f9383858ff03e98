/*
 * Owns the progress line on stderr. Must never slow the pump down: it is shown a few times a
 * second on a terminal, once a second to a program, and once at the end elsewhere.
 */
#include "stream/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define INTERVAL_MS 250
#define JSON_INTERVAL_MS 1000
#define USUAL_WIDTH 80 /* of a terminal that does not tell */
#define PROGRESS_LINE_SIZE 256

void progress_begin(struct progress *progress, int in, bool json)
{
    struct stat status;
    off_t at;

    *progress = (struct progress){
        .begun_us = clock_now_us(),
        .due_ms = clock_now_ms(),
        .on_terminal = isatty(STDERR_FILENO) == 1,
        .json = json,
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

/* What the line is made of, in its order. */
enum { SENT, RECEIVED, RATE, PASSED, SHARE, LEFT, PARTS };

struct parts {
    char text[PARTS][40]; /* empty: left out */
};

static void fill(struct parts *parts, const struct progress *progress, uint64_t sent,
                 uint64_t received, bool last)
{
    double seconds = (double)(clock_now_us() - progress->begun_us) / 1e6;
    char text[24];

    memset(parts, 0, sizeof(*parts));
    format_amount(text, sizeof(text), (double)sent);
    (void)snprintf(parts->text[SENT], sizeof(parts->text[SENT]), "sent %s", text);
    format_amount(text, sizeof(text), (double)received);
    (void)snprintf(parts->text[RECEIVED], sizeof(parts->text[RECEIVED]), "received %s", text);
    format_amount(text, sizeof(text), seconds > 0 ? (double)(sent + received) / seconds : 0);
    (void)snprintf(parts->text[RATE], sizeof(parts->text[RATE]), "%s/s", text);
    format_time(parts->text[PASSED], sizeof(parts->text[PASSED]), seconds);
    if (last || progress->size <= sent || sent == 0)
        return;
    (void)snprintf(parts->text[SHARE], sizeof(parts->text[SHARE]), "%d%%",
                   (int)((double)sent * 100 / (double)progress->size));
    format_time(text, sizeof(text), (double)(progress->size - sent) * seconds / (double)sent);
    (void)snprintf(parts->text[LEFT], sizeof(parts->text[LEFT]), "%s left", text);
}

/* Put the parts together. Returns the length. */
static size_t join_parts(char out[static PROGRESS_LINE_SIZE], const struct parts *parts)
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < PARTS; i++) {
        if (parts->text[i][0] != '\0')
            len += (size_t)snprintf(out + len, PROGRESS_LINE_SIZE - len, "%s%s",
                                    len > 0 ? ", " : "", parts->text[i]);
    }
    return len;
}

/* Leave out what is missed least until it fits; in the end it is cut. */
static void fit(char out[static PROGRESS_LINE_SIZE], struct parts *parts, size_t width, bool sends)
{
    const int order[] = {PASSED, RATE, sends ? RECEIVED : SENT, LEFT, SHARE};
    size_t len = join_parts(out, parts);

    for (size_t i = 0; len > width && i < sizeof(order) / sizeof(order[0]); i++) {
        parts->text[order[i]][0] = '\0';
        len = join_parts(out, parts);
    }
    if (len > width)
        out[width] = '\0';
}

/*
 * What a line may take without wrapping. Asked each time, so that a terminal that is made narrower
 * has the next line fit, without a handler for its signal.
 */
static size_t width_of_terminal(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_WIDTH - 1;
    return size.ws_col - 1u < PROGRESS_LINE_SIZE - 1 ? size.ws_col - 1u : PROGRESS_LINE_SIZE - 1;
}

/* Numbers are numbers there: bytes, seconds, bytes a second. What is not known is left out. */
static void show_json(const struct progress *progress, uint64_t sent, uint64_t received, bool last)
{
    double seconds = (double)(clock_now_us() - progress->begun_us) / 1e6;
    double rate = seconds > 0 ? (double)(sent + received) / seconds : 0;
    char size[64] = "", line[PROGRESS_LINE_SIZE];
    int len;

    if (progress->size > 0)
        (void)snprintf(size, sizeof(size), "\"size\":%" PRIu64 ",", progress->size);
    len = snprintf(line, sizeof(line),
                   "{\"what\":\"progress\",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
                   ",%s\"seconds\":%.3f,\"rate\":%.0f,\"end\":%s}\n",
                   sent, received, size, seconds, rate, last ? "true" : "false");
    log_show(line, (size_t)len);
}

static void show_line(const struct progress *progress, uint64_t sent, uint64_t received, bool last)
{
    bool terminal = progress->on_terminal;
    struct parts parts;
    char text[PROGRESS_LINE_SIZE], line[PROGRESS_LINE_SIZE + 8];
    int len;

    if (progress->json) {
        show_json(progress, sent, received, last);
        return;
    }
    fill(&parts, progress, sent, received, last);
    fit(text, &parts, terminal ? width_of_terminal() : PROGRESS_LINE_SIZE - 1, sent >= received);
    len = snprintf(line, sizeof(line), "%s%s%s%s", terminal ? "\r" : "", text,
                   terminal ? "\033[K" : "", last ? "\n" : "");
    log_show(line, (size_t)len);
}

int64_t progress_show(void *context, uint64_t sent, uint64_t received)
{
    struct progress *progress = context;
    int64_t now_ms = clock_now_ms();

    if (!progress->on_terminal && !progress->json)
        return NEVER_MS;
    if (now_ms >= progress->due_ms) {
        show_line(progress, sent, received, false);
        progress->due_ms = now_ms + (progress->json ? JSON_INTERVAL_MS : INTERVAL_MS);
    }
    return progress->due_ms;
}

void progress_end(const struct progress *progress, uint64_t sent, uint64_t received)
{
    show_line(progress, sent, received, true);
}
