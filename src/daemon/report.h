/*
 * What a daemon says of its channels: while they are open, when they end, and of all that have
 * been.
 */
#ifndef KITH_REPORT_H
#define KITH_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/connections.h"

/*
 * A line for each channel, and one for all that have been, of a command that listens there; waiting
 * have come and have no channel yet. A supervisor is told the totals, and this after them.
 */
void report_all(struct connections *connections, const char *what, const char *where,
                size_t waiting, const char *more);

/* To look for a fault: that one begins, alone or as one of many on its channel. */
void report_begin(const char *what, const struct connection_row *row, bool kept);

/* How a channel has ended. */
struct report_ending {
    enum kith_error error;
    const char *detail; /* more of that; NULL or empty if there is none */
    const char *local;  /* what failed where our side did: "the target" */
    bool idle;          /* one that a reload has ended is no error then: nothing was cut */
};
void report_end(const char *what, const struct connection_row *row,
                const struct report_ending *ending);

/* Of the channels that are cut at the end of the daemon, what their threads will not come to say.
 */
void report_cut(struct connections *connections, const char *what);

#endif
