/*
 * One stream over a link of its own: from what a handshake leaves to the last word about it.
 */
#ifndef KITH_STREAM_H
#define KITH_STREAM_H

#include "base/log.h"
#include "protocol/handshake.h"
#include "stream/pump.h"

/*
 * Join the local end to the peer, and part. The keys are wiped; the transport's descriptors and
 * the local end's remain the caller's, who still has to finish that. What pump_run and link_part
 * return.
 */
must_check enum kith_error stream_run(struct transport transport, struct session_keys *keys,
                                      size_t max_message_size, struct local_end *end,
                                      const struct pump_terms *terms, struct pump_result *result);

/* The same on a link that is kept, where the stream has begun, and which carries no other. */
must_check enum kith_error stream_run_kept(struct link *link, struct local_end *end,
                                           const struct pump_terms *terms,
                                           struct pump_result *result);

/* Say in one line how it went: its address and target, if it has one, are shown in text as well. */
void stream_summarise(enum log_level level, const struct log_subject *subject, const char *how,
                      const struct pump_result *result, int64_t begun_us);

#endif
