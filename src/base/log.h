/*
 * What goes to stderr: one line an event, "kith: what: which: why; hint", or the same fields as
 * one JSON object a line. Everything shown is escaped here, so callers pass it as it came.
 */
#ifndef KITH_LOG_H
#define KITH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum log_level {
    LOG_ERROR, /* always shown */
    LOG_NOTE,  /* warnings, and what a user should see: hidden by -q */
    LOG_MORE,  /* what is right, and each try: -v */
    LOG_DEBUG  /* -vv */
};

/* Show what is at or below level, in this form. Before any thread starts. */
void log_configure(enum log_level level, bool json);

/*
 * Be ready to write many lines without waiting. Before any thread starts and the process is
 * confined, and once what was inherited is closed.
 */
void log_open(void);

/*
 * For a daemon, which must never wait for a disk: whether stderr is a file. If so, log_write_out is
 * to be run in a thread, where it stays; and from log_hand_on on lines go to it, in a pipe, and it
 * writes them. Those that find no room there are lost, as below.
 */
bool log_divert(void);
void log_write_out(void *unused);
void log_hand_on(void);

/* Whether a line of this level would be shown. */
bool log_enabled(enum log_level level);

/*
 * One event. what names the thing (identity, peers, dial, ...), which the particular one (a path,
 * a peer, an address), why what happened; hint what to do. which and hint may be NULL. No part
 * may hold a secret. Thread-safe: a line is one write. Nobody waits for a stderr that takes
 * nothing: such a line is lost, and the next one that is taken says how many were.
 */
void log_event(enum log_level level, const char *what, const char *which, const char *why,
               const char *hint);

/*
 * One event that is a failure: what the error says, and detail (or NULL) after it. Of an error that
 * is general (base/error.h) the detail says all; where errno is set it is that, unless given. hint
 * NULL is the error's own, and "" none. Returns the error: return log_failure(...).
 */
enum kith_error log_failure(enum log_level level, const char *what, const char *which,
                            enum kith_error error, const char *detail, const char *hint);

/*
 * What an event of a peer is about. what and which are those of log_event; the others are fields of
 * their own in JSON, as far as they are known, and in text a part of which or of the reason.
 */
struct log_subject {
    const char *what;
    const char *which;
    const char *peer;    /* its name; none: NULL or empty, as the next two */
    const char *address; /* where it is */
    const char *target;  /* the name of the target that it, or we, have asked for */
    const uint8_t *key;  /* its public key, KEY_SIZE bytes; or NULL */
};

/* log_failure of a peer; and of a caller that is turned away: the reason begins with "refused: ".
 */
enum kith_error log_peer_failure(enum log_level level, const struct log_subject *subject,
                                 enum kith_error error, const char *detail, const char *hint);
enum kith_error log_refusal(enum log_level level, const struct log_subject *subject,
                            enum kith_error error, const char *detail, const char *hint);

/*
 * An event with more named values: pairs of (const char *name, const char *value), a NULL name
 * ends them. Text shows them after the reason as name=value. One whose name has LOG_NUMBER in front
 * is a number, made here, and no text in JSON. One whose value is empty is left out.
 */
#define LOG_NUMBER "#"
void log_fields(enum log_level level, const char *what, const char *which, const char *why, ...)
    __attribute__((sentinel));

/* The same of a peer. */
void log_peer_fields(enum log_level level, const struct log_subject *subject, const char *why, ...)
    __attribute__((sentinel));

/* Show a line as it is, which is made here and no event: progress. Lost if stderr takes nothing. */
void log_show(const char *line, size_t len);

/*
 * A command ends: if its last error was lost, stderr is given a moment to take it, and so it is for
 * what was handed on. Not for threads.
 */
void log_finish(void);

#endif
