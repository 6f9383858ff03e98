/*
 * Greeting many callers at once, until one of them has proven to be a known peer.
 */
#ifndef KITH_RECEPTION_H
#define KITH_RECEPTION_H

#include <stdint.h>

#include "base/error.h"
#include "calls/greeting.h"
#include "calls/refusals.h"
#include "net/net.h"

/* A peer that has been let in. */
struct guest {
    int fd; /* the caller's to close */
    uint8_t key[KEY_SIZE];
    struct session_keys keys; /* the caller's to wipe */
    struct net_peer from;
};

/* What a peer that claims to call is called, or "". */
typedef const char *reception_name(void *context, const uint8_t key[static KEY_SIZE]);

/*
 * Wait for calls until one handshake is done, however long that takes. Who is turned away is
 * logged. Strangers are held to
 * timeout_ms each, to a fixed number at once (the newest take the places of the oldest), and to
 * the memory of a greeting each. OK, or ERR_MEMORY or ERR_SYSTEM with errno.
 */
must_check enum kith_error reception_await(const struct net_listeners *listeners,
                                           const struct greeting_rules *rules, int64_t timeout_ms,
                                           struct refusals *refusals, reception_name *name,
                                           void *context, struct guest *guest);

#endif
