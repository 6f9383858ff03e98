/*
 * Owns stderr. Must never show a byte of a peer's or a file's unescaped, must never be given a
 * secret, and must never let who reads there, or does not, hold us up.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/escape.h"
#include "base/gate.h"
#include "base/json.h"

/* A longer line is cut: a pipe takes this in one write, or not at all. */
#define LOG_LINE_SIZE (PIPE_BUF < 2048 ? PIPE_BUF : 2048)
#define VALUE_SIZE 1024 /* one escaped value */
#define REASON_SIZE 512 /* the reason of a failure */
#define END_SIZE 2      /* a brace and a newline */
#define JSON_LEAST 6    /* bytes of a value, for which it is worth to begin one */
#define TURN_MS 100     /* until a line is given up since another one is being written */
#define LAST_WAIT_MS 1000
#define WRITTEN_LOOK_MS 5 /* between two looks whether all is written */

struct log_line {
    char text[LOG_LINE_SIZE];
    size_t len;
};

static enum log_level shown = LOG_NOTE;
static bool as_json;
static atomic_int own_fd =
    -1; /* stderr in a non-blocking mode of our own, where the system gives one */
static int diverted[2] = {-1, -1}; /* the pipe of lines that are handed on, if they are */
static atomic_uint_fast64_t handed_on, written_out; /* bytes of them */

/* Of threads that write to a stderr in a mode of others: one would take the room another has seen.
 */
static struct gate gate = GATE_FREE;

static atomic_uint_fast64_t lost_count; /* lines since the last one that was taken */
static atomic_bool is_cut;              /* only a part of the last one was taken */

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_line last_error; /* that was lost, for log_finish */

void log_configure(enum log_level level, bool json)
{
    shown = level;
    as_json = json;
}

void log_open(void)
{
    own_fd = descriptor_open_anew(STDERR_FILENO, O_WRONLY);
}

bool log_divert(void)
{
    struct stat status;

    if (fstat(STDERR_FILENO, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    if (!descriptor_pipe(diverted))
        return false;
    if (descriptor_set_nonblocking(diverted[1]))
        return true;
    (void)close(diverted[0]);
    (void)close(diverted[1]);
    diverted[0] = diverted[1] = -1; /* nobody would read what is handed on */
    return false;
}

void log_hand_on(void)
{
    if (diverted[1] >= 0)
        own_fd = diverted[1];
}

void log_write_out(void *unused)
{
    char text[LOG_LINE_SIZE];

    (void)unused;
    for (;;) {
        ssize_t n = read(diverted[0], text, sizeof(text));

        if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < n) /* a full disk, say */
            (void)atomic_fetch_add(&lost_count, 1);
        if (n > 0)
            (void)atomic_fetch_add(&written_out, (uint64_t)n);
        else if (n == 0 || errno != EINTR)
            return;
    }
}

bool log_enabled(enum log_level level)
{
    return level <= shown;
}

/* What can still be appended, leaving room for the end of the line. */
static size_t room_in(const struct log_line *line)
{
    return sizeof(line->text) - END_SIZE - line->len;
}

/* Append; what does not fit is cut. */
static void put_text(struct log_line *line, const char *text)
{
    size_t room = room_in(line);
    size_t len = strlen(text);

    if (len > room)
        len = room;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_escaped(struct log_line *line, const char *value)
{
    char escaped[VALUE_SIZE];

    put_text(line, escape_text(escaped, sizeof(escaped), value, strlen(value)));
}

/* A JSON string, cut inside the quotes where it does not fit, so that the line remains JSON. */
static void put_json_string(struct log_line *line, const char *value)
{
    char text[LOG_LINE_SIZE];
    size_t room = room_in(line);

    put_text(line, "\"");
    put_text(line, json_escape(text, room > 1 ? room - 1 : 1, value));
    put_text(line, "\"");
}

/* Left out if not even its name fits. */
static void put_json_field(struct log_line *line, const char *name, const char *value)
{
    if (room_in(line) <= strlen(name) + strlen(",\"\":\"\"") + JSON_LEAST)
        return;
    put_text(line, ",\"");
    put_text(line, name);
    put_text(line, "\":");
    put_json_string(line, value);
}

static void put_json_number(struct log_line *line, const char *name, const char *digits)
{
    if (room_in(line) <= strlen(name) + strlen(digits) + strlen(",\"\":"))
        return;
    put_text(line, ",\"");
    put_text(line, name);
    put_text(line, "\":");
    put_text(line, digits);
}

static void put_json_head(struct log_line *line, enum log_level level)
{
    static const char *const names[] = {"error", "note", "summary", "debug"};
    char stamp[CLOCK_UTC_SIZE];

    clock_format_utc(stamp, clock_wall_ms());
    put_text(line, "{\"time\":");
    put_json_string(line, stamp);
    put_json_field(line, "level", names[level]);
}

static void put_text_field(struct log_line *line, const char *before, const char *value)
{
    if (value != NULL) {
        put_text(line, before);
        put_escaped(line, value[0] != '\0' ? value : "\"\"");
    }
}

/* In a mode that is not ours, in turns; a thread that has to wait for too long gives up. */
static ssize_t write_in_turn(const char *text, size_t len)
{
    ssize_t n;

    if (!gate_enter(&gate, clock_deadline_ms(TURN_MS))) {
        errno = EAGAIN;
        return -1;
    }
    n = descriptor_write(STDERR_FILENO, text, len);
    gate_leave(&gate);
    return n;
}

/* One write, so that lines of several processes and threads do not mix. False if it is not taken.
 */
static bool offer(const char *text, size_t len)
{
    int saved_errno = errno;
    ssize_t n;

    do {
        n = own_fd >= 0 ? write(own_fd, text, len) : write_in_turn(text, len);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        atomic_store(&is_cut, (size_t)n < len);
    if (n > 0 && own_fd >= 0 && own_fd == diverted[1])
        (void)atomic_fetch_add(&handed_on, (uint64_t)n);
    errno = saved_errno;
    return n >= 0 && (size_t)n == len;
}

static void put_parts(struct log_line *line, enum log_level level, const char *what,
                      const char *which, const char *why)
{
    line->len = 0;
    if (as_json) {
        put_json_head(line, level);
        put_json_field(line, "what", what);
        if (which != NULL)
            put_json_field(line, "which", which);
        put_json_field(line, "why", why);
    } else {
        put_text(line, "kith");
        put_text_field(line, ": ", what);
        put_text_field(line, ": ", which);
        put_text_field(line, ": ", why);
    }
}

/* In the room that is left for it, however full the line is. */
static void end_line(struct log_line *line)
{
    if (as_json)
        line->text[line->len++] = '}';
    line->text[line->len++] = '\n';
}

/* Before the next line: how many were lost. False if that is not taken either. */
static bool say_lost(void)
{
    uint64_t count = atomic_exchange(&lost_count, 0);
    struct log_line line;
    char why[80];

    if (count == 0)
        return true;
    (void)snprintf(why, sizeof(why), "%" PRIu64 " %s lost, since stderr took nothing", count,
                   count == 1 ? "line was" : "lines were");
    put_parts(&line, LOG_NOTE, "log", NULL, why);
    end_line(&line);
    if ((!atomic_load(&is_cut) || offer("\n", 1)) && offer(line.text, line.len))
        return true;
    (void)atomic_fetch_add(&lost_count, count);
    return false;
}

/* Keep an error that was lost for log_finish; whatever is taken is the last word. */
static void keep_last(const struct log_line *line, bool taken, enum log_level level)
{
    (void)pthread_mutex_lock(&last_lock);
    if (taken)
        last_error.len = 0;
    else if (level == LOG_ERROR)
        last_error = *line;
    (void)pthread_mutex_unlock(&last_lock);
}

static void emit(struct log_line *line, enum log_level level)
{
    bool taken;

    end_line(line);
    taken = say_lost() && offer(line->text, line->len);
    if (!taken)
        (void)atomic_fetch_add(&lost_count, 1);
    keep_last(line, taken, level);
}

/* What was handed on is written, or the time is over. */
static void await_writing(void)
{
    int64_t deadline_ms = clock_deadline_ms(LAST_WAIT_MS);

    while (atomic_load(&written_out) < atomic_load(&handed_on) && clock_now_ms() < deadline_ms)
        clock_sleep_ms(WRITTEN_LOOK_MS);
}

/* If the last error was lost, it is offered once more. */
static void offer_last(void)
{
    int fd = own_fd >= 0 ? own_fd : STDERR_FILENO;

    if (atomic_load(&lost_count) == 0 ||
        !descriptor_await(fd, POLLOUT, clock_deadline_ms(LAST_WAIT_MS)))
        return;
    (void)atomic_fetch_sub(&lost_count, last_error.len > 0 ? 1 : 0);
    if (say_lost())
        (void)offer(last_error.text, last_error.len);
}

void log_finish(void)
{
    offer_last();
    await_writing();
}

void log_show(const char *line, size_t len)
{
    (void)offer(line, len);
}

static void put_known(struct log_line *line, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        put_json_field(line, name, value);
}

/* What text has in other words. */
static void put_subject(struct log_line *line, const struct log_subject *subject)
{
    char key[KEY_HEX_SIZE] = "";

    if (!as_json)
        return;
    if (subject->key != NULL)
        hex_encode(key, subject->key, KEY_SIZE);
    put_known(line, "peer", subject->peer);
    put_known(line, "key", key);
    put_known(line, "address", subject->address);
    put_known(line, "target", subject->target);
}

static void log_whole(enum log_level level, const struct log_subject *subject, const char *why,
                      const char *hint)
{
    struct log_line line;

    if (!log_enabled(level))
        return;
    put_parts(&line, level, subject->what, subject->which, why);
    put_subject(&line, subject);
    if (as_json && hint != NULL)
        put_json_field(&line, "hint", hint);
    else if (!as_json)
        put_text_field(&line, "; ", hint);
    emit(&line, level);
}

void log_event(enum log_level level, const char *what, const char *which, const char *why,
               const char *hint)
{
    log_whole(level, &(struct log_subject){.what = what, .which = which}, why, hint);
}

static enum kith_error log_error(enum log_level level, const struct log_subject *subject,
                                 const char *before, enum kith_error error, const char *detail,
                                 const char *hint)
{
    char why[REASON_SIZE];

    if (error_has(error, ERROR_SETS_ERRNO) && detail == NULL) {
        detail = strerror(errno);
        if (errno == EMFILE && hint == NULL)
            hint = error_hint(ERR_FEW_DESCRIPTORS);
    }
    if (detail != NULL && error_has(error, ERROR_IS_GENERAL))
        (void)snprintf(why, sizeof(why), "%s%s", before, detail);
    else
        (void)snprintf(why, sizeof(why), "%s%s%s%s", before, error_text(error),
                       detail != NULL ? ": " : "", detail != NULL ? detail : "");
    if (hint == NULL)
        hint = error_hint(error);
    log_whole(level, subject, why, hint != NULL && hint[0] != '\0' ? hint : NULL);
    return error;
}

enum kith_error log_failure(enum log_level level, const char *what, const char *which,
                            enum kith_error error, const char *detail, const char *hint)
{
    return log_error(level, &(struct log_subject){.what = what, .which = which}, "", error, detail,
                     hint);
}

enum kith_error log_peer_failure(enum log_level level, const struct log_subject *subject,
                                 enum kith_error error, const char *detail, const char *hint)
{
    return log_error(level, subject, "", error, detail, hint);
}

enum kith_error log_refusal(enum log_level level, const struct log_subject *subject,
                            enum kith_error error, const char *detail, const char *hint)
{
    return log_error(level, subject, "refused: ", error, detail, hint);
}

static void put_value(struct log_line *line, const char *name, const char *value)
{
    bool is_number = name[0] == LOG_NUMBER[0];

    name += is_number ? 1 : 0;
    if (value[0] == '\0')
        return;
    if (as_json && is_number) {
        put_json_number(line, name, value);
    } else if (as_json) {
        put_json_field(line, name, value);
    } else {
        put_text(line, " ");
        put_text(line, name);
        put_text_field(line, "=", value);
    }
}

static void log_values(enum log_level level, const struct log_subject *subject, const char *why,
                       va_list values)
{
    struct log_line line;
    const char *name;

    if (!log_enabled(level))
        return;
    put_parts(&line, level, subject->what, subject->which, why);
    put_subject(&line, subject);
    while ((name = va_arg(values, const char *)) != NULL)
        put_value(&line, name, va_arg(values, const char *));
    emit(&line, level);
}

void log_fields(enum log_level level, const char *what, const char *which, const char *why, ...)
{
    const struct log_subject subject = {.what = what, .which = which};
    va_list values;

    va_start(values, why);
    log_values(level, &subject, why, values);
    va_end(values);
}

void log_peer_fields(enum log_level level, const struct log_subject *subject, const char *why, ...)
{
    va_list values;

    va_start(values, why);
    log_values(level, subject, why, values);
    va_end(values);
}
