/*
 * Owns the lines about channels. Must never write one under the lock of the connections: a stderr
 * may take its time.
 */
#include "daemon/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "peers/peer.h"
#include "stream/stream.h"
#include "system/notify.h"

#define ROWS 16 /* channels that are told of at a time */

typedef void tell_row(const char *what, const struct connection_row *row);

/* Tell of the channels that are open, a few at a time. */
static void tell_channels(struct connections *connections, const char *what, bool conclude,
                          tell_row *tell)
{
    struct connection_row rows[ROWS];
    uint64_t after = 0;
    size_t count;

    while ((count = connections_list(connections, after, conclude, rows, ROWS)) > 0) {
        for (size_t i = 0; i < count; i++)
            tell(what, &rows[i]);
        after = rows[count - 1].number;
    }
}

static struct log_subject subject_of(const char *what, const char *which,
                                     const struct connection_row *row)
{
    return (struct log_subject){.what = what,
                                .which = which,
                                .peer = row->name,
                                .key = row->key,
                                .address = row->address,
                                .target = row->target};
}

static void report_one(const char *what, const struct connection_row *row)
{
    char which[PEER_AT_SIZE], age[24], sent[24], received[24];
    struct log_subject subject = subject_of(what, which, row);

    subject.target = NULL; /* text has it, too */

    peer_format_at(which, row->name, row->key, row->address);
    (void)snprintf(age, sizeof(age), "%" PRId64, (clock_now_ms() - row->opened_ms) / 1000);
    (void)snprintf(sent, sizeof(sent), "%" PRIu64, row->sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, row->received);
    log_peer_fields(LOG_NOTE, &subject, "channel", LOG_NUMBER "seconds", age, LOG_NUMBER "sent",
                    sent, LOG_NUMBER "received", received, "id", row->id, "target", row->target,
                    (const char *)NULL);
}

void report_all(struct connections *connections, const char *what, const char *where,
                size_t waiting, const char *more)
{
    struct connections_totals totals;
    char open[24], pending[24], channels[24], sent[24], received[24];

    tell_channels(connections, what, false, report_one);
    connections_count(connections, &totals);
    (void)snprintf(open, sizeof(open), "%zu", totals.count - totals.pending);
    (void)snprintf(pending, sizeof(pending), "%zu", waiting);
    (void)snprintf(channels, sizeof(channels), "%" PRIu64, totals.channels);
    (void)snprintf(sent, sizeof(sent), "%" PRIu64, totals.sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, totals.received);
    log_fields(LOG_NOTE, what, where, "totals", LOG_NUMBER "open", open, LOG_NUMBER "pending",
               pending, LOG_NUMBER "channels", channels, LOG_NUMBER "sent-by-ended", sent,
               LOG_NUMBER "received-by-ended", received, (const char *)NULL);
    notify_totals(open, channels, more);
}

/* What is said of the end of a channel: it is not the peer that failed where our side did. */
static void say_how(char *how, size_t size, const struct report_ending *ending)
{
    enum kith_error error = ending->error;
    bool closed = error == ERR_OUTLET_CLOSED;
    bool more = error != OK && !closed && ending->detail != NULL && ending->detail[0] != '\0';

    if (error == ERR_INLET || error == ERR_OUTLET || closed)
        (void)snprintf(how, size, "%s %s", ending->local,
                       closed ? "took no more of what arrived" : "broke off");
    else
        (void)snprintf(how, size, "%s%s", error_has(error, ERROR_IS_OF_ADMISSION) ? "ended: " : "",
                       error_text(error));
    if (more)
        (void)snprintf(how + strlen(how), size - strlen(how), ": %s", ending->detail);
}

void report_begin(const char *what, const struct connection_row *row, bool kept)
{
    char who[PEER_TEXT_SIZE];
    struct log_subject subject = subject_of(what, who, row);

    peer_format(who, row->name, row->key);
    subject.address = subject.target = NULL;
    log_peer_fields(LOG_DEBUG, &subject, kept ? "begins, on a channel that is kept" : "begins",
                    "address", row->address, "id", row->id, "target", row->target,
                    (const char *)NULL);
}

void report_end(const char *what, const struct connection_row *row,
                const struct report_ending *ending)
{
    struct pump_result moved = {.sent = row->sent, .received = row->received};
    bool fine =
        ending->error == OK || (ending->idle && error_has(ending->error, ERROR_IS_OF_ADMISSION));
    char who[PEER_TEXT_SIZE], how[256];
    const struct log_subject subject = subject_of(what, who, row);

    peer_format(who, row->name, row->key);
    say_how(how, sizeof(how), ending);
    memcpy(moved.id, row->id, STREAM_ID_SIZE);
    stream_summarise(fine ? LOG_NOTE : LOG_ERROR, &subject, how, &moved, row->opened_ms * 1000);
}

static void report_one_cut(const char *what, const struct connection_row *row)
{
    report_end(what, row, &(struct report_ending){.error = ERR_CUT_AT_END});
}

void report_cut(struct connections *connections, const char *what)
{
    tell_channels(connections, what, true, report_one_cut);
}
