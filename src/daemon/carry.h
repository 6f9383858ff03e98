/*
 * One stream of a connection, from its first byte to the line that says how it ended.
 */
#ifndef KITH_CARRY_H
#define KITH_CARRY_H

#include "base/error.h"
#include "daemon/daemon.h"
#include "net/transport.h"
#include "protocol/handshake.h"
#include "stream/link.h"
#include "stream/local_end.h"

/*
 * Join a local end to the peer of the connection, on a channel of their own: count its bytes for
 * all to see, say how it ended, and finish the local end. The keys are wiped. Returns what
 * stream_run does, or why somebody else ended it.
 */
enum kith_error carry_alone(struct daemon *daemon, struct connection *connection,
                            struct transport transport, struct session_keys *keys,
                            struct local_end *end);

/* The same for one stream on a link that lives on: what pump_run does, or why. */
enum kith_error carry_kept(struct daemon *daemon, struct connection *connection, struct link *link,
                           struct local_end *end);

/* A channel was ended, for this reason, where it carried nothing: that is said, unless it was. */
void carry_nothing(struct daemon *daemon, struct connection *connection, enum kith_error error);

/* In any thread: a stream or a channel has ended, or was refused, by this error unless that is OK.
 */
void carry_note(struct daemon *daemon, enum kith_error error);

#endif
