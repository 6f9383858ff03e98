/*
 * A call to a peer, from its address to a finished handshake.
 */
#ifndef KITH_CALL_H
#define KITH_CALL_H

#include "base/error.h"
#include "base/log.h"
#include "base/problem.h"
#include "calls/handshake_io.h"
#include "helpers/helper.h"
#include "net/endpoint.h"
#include "net/resolve.h"
#include "peers/directory.h"

/* What holds for all calls of a run. */
struct call_terms {
    const struct net_options *net;
    const struct helper *lookup; /* see lookup_resolve */
    const struct helper *via;    /* who starts the command of --via; or NULL */
    const char *via_command;     /* in logs */
    const struct handshake_rules *rules;
    int64_t timeout_ms;               /* to resolve, connect and shake hands, together */
    void (*connected)(void *context); /* before the first byte from outside; or NULL */
    void *context;
};

/* A call: how far it came, and why no further. */
struct call {
    struct transport transport; /* once connected */
    struct endpoint reached;
    struct problem problem; /* the system's reason for an error; or only a hint, or nothing */
    struct handshake_io io;
};

/*
 * Connect and shake hands for a channel of a kind, within the time that a call has; with
 * check_only, stop once the peer is proven. In any case call_end has to follow.
 */
must_check enum kith_error call_peer(struct call *call, const struct call_terms *terms,
                                     enum channel_kind kind, const struct callee *callee,
                                     bool check_only);

/* Log why a call failed, as of command what. Returns the error. */
enum kith_error call_log_failure(const struct call *call, enum kith_error error,
                                 const struct callee *callee, const char *what,
                                 enum log_level level);

/* Close and wipe; fine twice. */
void call_end(struct call *call);

#endif
