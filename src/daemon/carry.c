/*
 * Owns what is common to the streams of a daemon: their bytes are counted while they move, and how
 * they ended is said once. Must never decide what a stream is joined to.
 */
#include "daemon/carry.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/report.h"
#include "stream/stream.h"

/* The bytes of a stream, for all to see, beside those before it on the same channel. */
static int64_t count_bytes(void *context, uint64_t sent, uint64_t received)
{
    struct connection *connection = context;

    atomic_store_explicit(&connection->sent, connection->told.sent + sent, memory_order_relaxed);
    atomic_store_explicit(&connection->received, connection->told.received + received,
                          memory_order_relaxed);
    return NEVER_MS;
}

static struct pump_terms terms_of(struct daemon *daemon, struct connection *connection)
{
    return (struct pump_terms){
        .idle_timeout_ms = daemon->terms->idle_timeout_ms,
        .progress = count_bytes,
        .progress_context = connection,
        .ended = &connection->ending,
        .stack_is_spare = true,
    };
}

/* What is known of an error beyond its kind. */
static const char *detail_of(const struct local_end *end, enum kith_error error,
                             const struct pump_result *result)
{
    if (error == ERR_PROGRAM)
        return end->detail;
    if ((error == ERR_INLET || error == ERR_OUTLET) && result->system_errno != 0)
        return strerror(result->system_errno);
    return NULL;
}

/* The stream has ended: say so, and let the local end know. */
static enum kith_error conclude_stream(struct daemon *daemon, struct connection *connection,
                                       struct local_end *end, enum kith_error error,
                                       const struct pump_result *result)
{
    struct connection_row row;
    struct report_ending ending = {.local = daemon->terms->local};

    (void)count_bytes(connection, result->sent, result->received);
    connection_describe_unsaid(&row, connection);
    if (connections_conclude(&daemon->connections, connection, &error)) {
        ending.error = error;
        ending.detail = detail_of(end, error, result);
        report_end(daemon->terms->what, &row, &ending);
    }
    local_end_finish(end, error == OK);
    return error;
}

static void tell_begin(const struct daemon *daemon, const struct connection *connection, bool kept)
{
    struct connection_row row;

    if (!log_enabled(LOG_DEBUG))
        return;
    connection_describe(&row, connection);
    report_begin(daemon->terms->what, &row, kept);
}

enum kith_error carry_kept(struct daemon *daemon, struct connection *connection, struct link *link,
                           struct local_end *end)
{
    const struct pump_terms terms = terms_of(daemon, connection);
    struct pump_result result;
    enum kith_error error;

    connections_begin_stream(&daemon->connections, connection, link);
    tell_begin(daemon, connection, true);
    error = pump_run(link, end, &terms, &result);
    if (error != OK && result.in_order)
        (void)link_part(link);
    return conclude_stream(daemon, connection, end, error, &result);
}

enum kith_error carry_alone(struct daemon *daemon, struct connection *connection,
                            struct transport transport, struct session_keys *keys,
                            struct local_end *end)
{
    const struct pump_terms terms = terms_of(daemon, connection);
    struct pump_result result;
    enum kith_error error;

    connections_name_stream(&daemon->connections, connection, keys->id, 1);
    tell_begin(daemon, connection, false);
    error = stream_run(transport, keys, daemon->terms->max_message_size, end, &terms, &result);
    return conclude_stream(daemon, connection, end, error, &result);
}

void carry_nothing(struct daemon *daemon, struct connection *connection, enum kith_error error)
{
    struct report_ending ending = {
        .error = error,
        .local = daemon->terms->local,
        .idle = connection->is_idle, /* which is for its own thread to change */
    };
    struct connection_row row;

    if (!connections_conclude_idle(&daemon->connections, connection))
        return;
    carry_note(daemon, error);
    connection_describe_unsaid(&row, connection);
    report_end(daemon->terms->what, &row, &ending);
}

void carry_note(struct daemon *daemon, enum kith_error error)
{
    if (error != OK)
        daemon->failed = (int)error;
}
