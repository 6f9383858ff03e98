/*
 * From a target to what a peer is joined to: a connection to its address, or its program.
 */
#ifndef KITH_REACH_H
#define KITH_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/daemon.h"
#include "helpers/helper.h"
#include "peers/target.h"

/* What holds for all that are joined to a target. */
struct reach {
    struct daemon *daemon;
    const struct helper *lookup;
    const struct helper *launcher;
    int64_t timeout_ms;
    bool proxy_protocol; /* tell the target who has called */
};

/*
 * Connect to the target of a connection for its peer: *fd is reset unless it is joined, or -1 for a
 * program, which is started no sooner than that. ERR_TARGET, which is logged; or what has ended the
 * connection meanwhile, which is not.
 */
must_check enum kith_error reach_target(const struct reach *reach,
                                        const struct connection *connection, int *fd);

/*
 * Join what was reached, or the program, to the peer, on the channel that is kept or one of its
 * own, until the stream ends; fd is closed. OK if that was whole.
 */
enum kith_error reach_join(const struct reach *reach, struct connection *connection, int fd);

#endif
