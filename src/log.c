/*
 * Owns stderr. Must never show a byte of a peer's or a file's unescaped, and must never be given
 * a secret.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"

#define LINE_SIZE                                                                                  \
    2048                /* a longer line is cut: stderr may be a pipe, and takes this in one write \
                         */
#define VALUE_SIZE 1024 /* one escaped value */

static enum log_level shown = LOG_NOTE;
static bool as_json;

struct line {
    char text[LINE_SIZE];
    size_t len;
};

void log_configure(enum log_level level, bool json)
{
    shown = level;
    as_json = json;
}

bool log_enabled(enum log_level level)
{
    return level <= shown;
}

/* Append, leaving room for the newline; what does not fit is cut. */
static void put(struct line *line, const char *text)
{
    size_t room = sizeof(line->text) - 1 - line->len;
    size_t len = strlen(text);

    if (len > room)
        len = room;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_escaped(struct line *line, const char *value)
{
    char escaped[VALUE_SIZE];

    put(line, escape_text(escaped, sizeof(escaped), value, strlen(value)));
}

/*
 * A JSON string. escape_text leaves printable ASCII alone, in which JSON minds only the quote and
 * the backslash; its own \xNN becomes \u00NN, and the escaped backslash (\x5c) comes out right.
 */
static void put_json_string(struct line *line, const char *value)
{
    char escaped[VALUE_SIZE];
    char one[2] = {0};

    escape_text(escaped, sizeof(escaped), value, strlen(value));
    put(line, "\"");
    for (const char *c = escaped; *c != '\0'; c++) {
        if (*c == '\\') {
            put(line, "\\u00");
            c++;
        } else if (*c == '"') {
            put(line, "\\\"");
        } else {
            one[0] = *c;
            put(line, one);
        }
    }
    put(line, "\"");
}

static void put_json_field(struct line *line, const char *name, const char *value)
{
    put(line, ",\"");
    put(line, name);
    put(line, "\":");
    put_json_string(line, value);
}

static void put_json_head(struct line *line, enum log_level level)
{
    static const char *const names[] = {"error", "note", "summary", "debug"};
    uint64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc = {0};
    char stamp[64];
    size_t len;

    (void)gmtime_r(&seconds, &utc);
    len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(stamp + len, sizeof(stamp) - len, ".%03uZ", (unsigned)(now_ms % 1000));
    put(line, "{\"time\":");
    put_json_string(line, stamp);
    put_json_field(line, "level", names[level]);
}

static void put_text_field(struct line *line, const char *before, const char *value)
{
    if (value != NULL) {
        put(line, before);
        put_escaped(line, value);
    }
}

/* One write, so that lines of several processes and threads do not mix. */
static void emit(struct line *line)
{
    size_t done = 0;
    int saved_errno = errno;

    line->text[line->len++] = '\n';
    while (done < line->len) {
        ssize_t n = write(STDERR_FILENO, line->text + done, line->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    errno = saved_errno;
}

static void put_parts(struct line *line, enum log_level level, const char *what, const char *which,
                      const char *why)
{
    line->len = 0;
    if (as_json) {
        put_json_head(line, level);
        put_json_field(line, "what", what);
        if (which != NULL)
            put_json_field(line, "which", which);
        put_json_field(line, "why", why);
    } else {
        put(line, "kith");
        put_text_field(line, ": ", what);
        put_text_field(line, ": ", which);
        put_text_field(line, ": ", why);
    }
}

void log_event(enum log_level level, const char *what, const char *which, const char *why,
               const char *hint)
{
    struct line line;

    if (!log_enabled(level))
        return;
    put_parts(&line, level, what, which, why);
    if (as_json) {
        if (hint != NULL)
            put_json_field(&line, "hint", hint);
        put(&line, "}");
    } else {
        put_text_field(&line, "; ", hint);
    }
    emit(&line);
}

void log_fields(enum log_level level, const char *what, const char *which, const char *why, ...)
{
    struct line line;
    const char *name;
    va_list args;

    if (!log_enabled(level))
        return;
    put_parts(&line, level, what, which, why);
    va_start(args, why);
    while ((name = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);

        if (as_json) {
            put_json_field(&line, name, value);
        } else {
            put(&line, " ");
            put(&line, name);
            put_text_field(&line, "=", value);
        }
    }
    va_end(args);
    if (as_json)
        put(&line, "}");
    emit(&line);
}
