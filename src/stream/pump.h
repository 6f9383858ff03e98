/*
 * The pump: moves one stream both ways between a link and a local end, until both directions are
 * whole and confirmed, or something fails.
 */
#ifndef KITH_PUMP_H
#define KITH_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "stream/link.h"
#include "stream/local_end.h"

/*
 * Told now and then how many bytes of the stream have gone each way. Returns when it wants to be
 * called again at the latest, a deadline of base/clock.h.
 */
typedef int64_t pump_progress(void *context, uint64_t sent, uint64_t received);

/* What is wanted of a run. */
struct pump_terms {
    int64_t idle_timeout_ms; /* NEVER_MS for none */
    size_t rate;             /* bytes a second that are sent at most; 0 for any number */
    pump_progress *progress; /* or NULL */
    void *progress_context;
    /*
     * Why somebody else has ended it, unless that is OK: then it is over with that, and nothing
     * that has come is written any more. The transport has to be ended after it, by which it is
     * noticed. Or NULL.
     */
    const _Atomic enum kith_error *ended;
    /* In the thread of pump_run: a silent peer's end has left us waiting. Or NULL. */
    void (*input_awaited)(void);
    bool stack_is_spare; /* what its thread has needed of it is given back while nothing moves */
};

/* How it went. */
struct pump_result {
    char id[STREAM_ID_SIZE]; /* see stream_id; empty if there was none */
    uint64_t sent;           /* bytes of the stream, each way */
    uint64_t received;
    int system_errno; /* the system's reason for the error, or 0 */
    bool undelivered; /* verified data was lost: the outlet did not take it */
    bool in_order;    /* we have said our last word, whole or not: how the link is to be closed */
};

/*
 * Run one stream to its end. The link is borrowed: it is neither started, shut nor wiped, and what
 * follows the peer's receipt stays in it. The local end's descriptors remain open, but for an
 * outlet whose end was passed on by closing it.
 *
 * OK means whole: everything was written where it belongs at both ends, and each side has the
 * other's word for it (kith-protocol(7), "Stream"). Else the first error; what had been
 * verified by then is still written, for as long as the outlet takes it.
 */
must_check enum kith_error pump_run(struct link *link, struct local_end *end,
                                    const struct pump_terms *terms, struct pump_result *result);

#endif
