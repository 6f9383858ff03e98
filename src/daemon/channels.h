/*
 * How a connection of forward gets a kept channel: one that is idle and answers, or one that is
 * made.
 */
#ifndef KITH_CHANNELS_H
#define KITH_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "calls/call.h"
#include "daemon/calling.h"
#include "daemon/daemon.h"
#include "daemon/opener.h"
#include "daemon/peer_now.h"

struct channels_terms {
    struct daemon *daemon;
    const struct call_terms *calls;
    const char *peer;        /* as it was given, for logs */
    const char *target;      /* that is asked for there; or empty */
    struct peer_now *callee; /* who is called */
};

struct channels {
    struct channels_terms terms;
    struct calling calling;
    struct opener opener;
    _Atomic size_t count;   /* channels that there are, whatever each does */
    _Atomic size_t seconds; /* calls beside a wait */
};

/* Begin; of kept, what is called and told is set here. */
void channels_begin(struct channels *channels, const struct channels_terms *terms,
                    const struct opener_terms *kept);

/*
 * In a thread: a channel on which a connection may begin its stream, by the deadline of a call: the
 * one in *kept that was asked, unless that is NULL, or one that is made. What was asked and not
 * begun is asked elsewhere, without loss: a peer that was there a moment ago may be starting again.
 * OK: *kept was accepted. ERR_REFUSED_TARGET and the other two: it was not, and lives on.
 * ERR_LINK_LOST: *kept is NULL, and why is logged; ERR_STOPPING: it is, since nobody may wait any
 * more. ERR_NO_ANSWER: the answer may still come. Another: how the peer has broken the rules.
 */
must_check enum kith_error channels_obtain(struct channels *channels, struct kept **kept);

#endif
