/*
 * A call to a peer, from its address to a finished handshake.
 */
#ifndef KITH_CALL_H
#define KITH_CALL_H

#include "error.h"
#include "greeting.h"
#include "setup.h"
#include "who.h"

/* A call that got through. */
struct call {
    int fd;                   /* the caller's to close */
    struct greeting greeting; /* done; the caller's to wipe */
};

/*
 * Connect and shake hands by the deadline that --handshake-timeout sets; with check_only, stop
 * once the peer is proven. What goes wrong is logged, as of command what. On error nothing is
 * open.
 */
must_check enum kith_error call_peer(struct call *call, const struct setup *setup,
                                     const struct callee *callee, bool check_only,
                                     const char *what);

/* Close and wipe; fine twice. */
void call_end(struct call *call);

#endif
