/*
 * Waiting for the caller that a meeting is with: the first that commits to something.
 */
#ifndef KITH_MEETING_CALLERS_H
#define KITH_MEETING_CALLERS_H

#include <stdint.h>

#include "base/error.h"
#include "net/endpoint.h"
#include "net/listen.h"
#include "net/transport.h"
#include "protocol/meeting.h"

/*
 * Wait without end for a caller that says a commit, each of them for timeout_ms at most: *commit is
 * the body of the first one, *transport its connection, *from where it comes from. All others are
 * closed. ERR_MEMORY and ERR_SYSTEM, which are logged.
 */
must_check enum kith_error meeting_await_caller(const struct listeners *listeners,
                                                int64_t timeout_ms, struct transport *transport,
                                                struct endpoint *from,
                                                uint8_t commit[static HASH_SIZE]);

#endif
