/*
 * A target that is asked for by its name, for commands that have one stream for it, or none.
 */
#ifndef KITH_ASK_TARGET_H
#define KITH_ASK_TARGET_H

#include "base/error.h"
#include "calls/call.h"
#include "command/options.h"
#include "daemon/kept.h"

/* The kind of channel that PEER needs: with a target by its name, one that is kept. */
enum channel_kind ask_kind(const char *peer);

/*
 * The handshake of a call is done: ask for its target, and wait for the answer, as long as a call
 * may take. OK: *kept is the channel, which has the call's transport and keys, and whose stream may
 * begin; it is the caller's to drop. Else *kept is NULL, and the errors are those of
 * kept_await_answer, or ERR_MEMORY; call->problem then says what was asked for.
 */
must_check enum kith_error ask_for_target(struct call *call, const struct options *options,
                                          const struct callee *callee, struct kept **kept);

#endif
