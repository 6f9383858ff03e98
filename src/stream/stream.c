/*
 * Owns the order of a stream's life, and the line that sums it up. Must never leave keys behind.
 */
#include "stream/stream.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

enum kith_error stream_run(struct transport transport, struct session_keys *keys,
                           size_t max_message_size, struct local_end *end,
                           const struct pump_terms *terms, struct pump_result *result)
{
    struct link link;
    enum kith_error error = link_start(&link, transport, keys, max_message_size), parting = OK;

    *result = (struct pump_result){0};
    if (error == OK)
        error = pump_run(&link, end, terms, result);
    if (result->in_order)
        parting = link_part(&link);
    link_close(&link);
    return error != OK ? error : parting;
}

enum kith_error stream_run_kept(struct link *link, struct local_end *end,
                                const struct pump_terms *terms, struct pump_result *result)
{
    const struct record close_record = {.type = RECORD_CLOSE};
    enum kith_error error = pump_run(link, end, terms, result), parting = OK;

    if (error == OK) {
        link_end_stream(link);
        error = link_say(link, &close_record, 1);
        error = error == ERR_LINK_LOST ? OK : error; /* all is said: that cuts nothing */
    }
    if (result->in_order)
        parting = link_part(link);
    link_close(link);
    return error != OK ? error : parting;
}

void stream_summarise(enum log_level level, const struct log_subject *subject, const char *how,
                      const struct pump_result *result, int64_t begun_us)
{
    struct log_subject peer = *subject;
    char sent[24], received[24], seconds[32];

    (void)snprintf(sent, sizeof(sent), "%" PRIu64, result->sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, result->received);
    (void)snprintf(seconds, sizeof(seconds), "%.3f", (double)(clock_now_us() - begun_us) / 1e6);
    peer.address = peer.target = NULL;
    log_peer_fields(level, &peer, how, "address", subject->address, LOG_NUMBER "sent", sent,
                    LOG_NUMBER "received", received, LOG_NUMBER "seconds", seconds, "id",
                    result->id, "target", subject->target, (const char *)NULL);
}
