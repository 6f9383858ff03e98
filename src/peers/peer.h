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
#include "keys/secret_namespace.h"
#include "net/address.h"
#include "net/address_range.h"
#include "peers/target.h"

/* All of it is parsed when its line is read: nothing is while somebody waits. */
struct peer {
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];       /* empty for a key that was given by itself */
    struct address *address;    /* addr="HOST:PORT", or NULL */
    struct address_ranges from; /* from="ADDR/BITS,..."; none for everywhere */
    struct target_list targets; /* permit-target="...,..."; none for every target */
    uint64_t expires_ms;        /* expiry-time, since the epoch; UINT64_MAX for never */
    char *namespace_file;       /* namespace-file, as it is written, or NULL; is not copied */
    struct secret_namespace *namespace; /* what that holds, once it is read; or NULL */
    struct namespace_mark mark;         /* of it */
    size_t line;                        /* of the peers file; or 0 */
};

/* What a peer is to begin with, of whom nothing is known: may call from everywhere, for ever. */
#define PEER_UNCONDITIONAL ((struct peer){.expires_ms = UINT64_MAX})

/* Copy it, with all that it points to, for peer_free to free whatever is returned. ERR_MEMORY. */
must_check enum kith_error peer_copy(struct peer *copy, const struct peer *peer);

/* Free what it points to; fine twice. */
void peer_free(struct peer *peer);

/*
 * Whether the peer may call from this address, to be joined to one of these targets of serve, or to
 * any at all if that is NULL: OK, ERR_PEER_EXPIRED, ERR_PEER_SOURCE, or ERR_PEER_TARGET, and of
 * several ERR_PEER_TARGETS.
 */
must_check enum kith_error peer_may_call(const struct peer *peer, const struct sockaddr *from,
                                         const struct targets *targets, uint64_t wall_ms);

/* "NAME (01234567)", or the 8 digits alone for a key without a name. */
#define PEER_TEXT_SIZE (NAME_SIZE + 12)

/* How a peer is shown. */
void peer_format(char out[static PEER_TEXT_SIZE], const char *name,
                 const uint8_t key[static KEY_SIZE]);

/* "NAME (01234567) at ADDRESS": the same where it matters where it is. */
#define PEER_AT_SIZE (PEER_TEXT_SIZE + 4 + ADDRESS_TEXT_SIZE)
void peer_format_at(char out[static PEER_AT_SIZE], const char *name,
                    const uint8_t key[static KEY_SIZE], const char *address);

#endif
