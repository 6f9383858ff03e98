/*
 * One known peer, and the conditions under which it may call.
 */
#ifndef KITH_PEER_H
#define KITH_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/public_key.h"
#include "net/address_range.h"

struct peer {
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];       /* empty for a key that was given by itself */
    char *address;              /* addr="HOST:PORT", or NULL */
    struct address_ranges from; /* from="ADDR/BITS,..."; none for everywhere */
    char *permit_target;        /* permit-target="...,...", or NULL for every target */
    uint64_t expires_ms;        /* expiry-time, since the epoch; UINT64_MAX for never */
};

/* Copy it, its strings too, for peer_free to free whatever is returned. ERR_MEMORY. */
must_check enum kith_error peer_copy(struct peer *copy, const struct peer *peer);

/* Free its strings; fine twice. */
void peer_free(struct peer *peer);

/* Whether the peer may call from this address: OK, ERR_PEER_EXPIRED or ERR_PEER_SOURCE. */
must_check enum kith_error peer_may_call(const struct peer *peer, const struct sockaddr *from,
                                         uint64_t wall_ms);

/*
 * Whether the peer may be joined to this target of serve, compared as text with each of the parts
 * of permit-target between commas.
 */
bool peer_permits_target(const struct peer *peer, const char *target);

#endif
