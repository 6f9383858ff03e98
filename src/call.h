/*
 * A call to a peer, from its address to a finished handshake.
 */
#ifndef KITH_CALL_H
#define KITH_CALL_H

#include "error.h"
#include "greeting.h"
#include "log.h"
#include "setup.h"
#include "who.h"

/* A call: how far it came, and why no further. */
struct call {
    int fd; /* once connected */
    struct net_peer reached;
    const char *why; /* the system's reason for an error, or NULL */
    struct greeting greeting;
};

/*
 * Connect and shake hands by the deadline that --handshake-timeout sets; with check_only, stop
 * once the peer is proven. In any case call_end has to follow.
 */
must_check enum kith_error call_peer(struct call *call, const struct setup *setup,
                                     const struct callee *callee, bool check_only);

/* Say why a call failed, as of command what. */
void call_complain(const struct call *call, enum kith_error error, const struct callee *callee,
                   const char *what, enum log_level level);

/* Close and wipe; fine twice. */
void call_end(struct call *call);

#endif
