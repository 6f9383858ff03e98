/*
 * A meeting (kith-protocol(7), "Meetings"): two sides that do not have each other's keys exchange
 * them, and get a code that their users compare. One function a message and side:
 *
 *     caller                                        waiter
 *     meeting_begin                                 meeting_begin
 *     meeting_commit      -- commit -->             meeting_take_commit
 *     meeting_take_answer <-- answer --
 *                         -- open -->               meeting_take_open
 *                         both: the code, and once their user says yes
 *     meeting_yes         -- yes -->                meeting_take_yes
 *     meeting_take_yes    <-- yes --                meeting_yes
 *
 * Whoever is in between has to commit to its values before it knows those of the waiter, and knows
 * those of the caller only once the waiter has its own: it has one try, and no choice. So whatever
 * ends a meeting from the answer on ends it for good: another one would be another try.
 *
 * Pure: bytes in, bytes out; randomness is an argument. A function called out of order returns
 * ERR_OUT_OF_ORDER. After any error the meeting takes no further call.
 */
#ifndef KITH_MEETING_H
#define KITH_MEETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "protocol/wire.h"

#define MEETING_NONCE_SIZE 32
#define MEETING_NAME_MAX 63
#define MEETING_VALUES_MAX (KEY_SIZE + MEETING_NONCE_SIZE + MEETING_NAME_MAX)
#define MEETING_VALUES_FRAME_MAX (FRAME_HEADER_SIZE + MEETING_VALUES_MAX)
#define MEETING_COMMIT_FRAME_SIZE (FRAME_HEADER_SIZE + HASH_SIZE)
#define MEETING_YES_FRAME_SIZE (FRAME_HEADER_SIZE + 1)
#define MEETING_NAMESPACE_SIZE (12 + HASH_SIZE) /* "kith/meet/1", a NUL, a digest */
#define MEETING_CODE_SIZE 10                    /* "1234 5678" and a NUL */

enum meeting_role { MEETING_CALLS, MEETING_WAITS };

enum meeting_state {
    MEETING_NONE, /* zeroed memory */
    MEETING_BEGUN,
    MEETING_COMMITTED, /* the caller has sent its commit */
    MEETING_ANSWERED,  /* the waiter has sent its answer */
    MEETING_OPEN,      /* both have both, and a code */
    MEETING_OVER
};

/* One meeting, either role; starts as zeroed memory. Readers may look at the first two. */
struct meeting {
    uint8_t peer[KEY_SIZE];               /* once it is open: who the other side says it is */
    char peer_name[MEETING_NAME_MAX + 1]; /* and how it calls itself */

    enum meeting_role role;
    enum meeting_state state;
    uint8_t own[MEETING_VALUES_MAX]; /* key, nonce and name of ours */
    size_t own_len;
    uint8_t commit[HASH_SIZE]; /* the caller's */
    uint8_t digest[HASH_SIZE];
    bool said_yes, heard_yes;
};

/* Whether it can be a name in a meeting: 1 to 63 of A-Z a-z 0-9 . _ - */
bool meeting_name_is_good(const char *name, size_t len);

/* The largest body of a message that may come now; every body but that of values has this size. */
size_t meeting_body_limit(const struct meeting *meeting);

/* Have a key, and a name that is good (else ERR_USAGE) for ourselves. */
must_check enum kith_error meeting_begin(struct meeting *meeting, enum meeting_role role,
                                         const uint8_t own_key[static KEY_SIZE], const char *name);

/* The caller: commit to our values. The nonce is fresh, and nobody else's. */
must_check enum kith_error meeting_commit(struct meeting *meeting,
                                          const uint8_t nonce[static MEETING_NONCE_SIZE],
                                          uint8_t frame[static MEETING_COMMIT_FRAME_SIZE]);

/*
 * The waiter: take the body of a commit, and answer it with our values in a frame of *frame_len
 * bytes. ERR_MEETING_MALFORMED leaves the meeting as it was: this caller has no part in it.
 */
must_check enum kith_error meeting_take_commit(struct meeting *meeting, const uint8_t *body,
                                               size_t len,
                                               const uint8_t nonce[static MEETING_NONCE_SIZE],
                                               uint8_t frame[static MEETING_VALUES_FRAME_MAX],
                                               size_t *frame_len);

/*
 * The caller: take the body of an answer, and open our values in a frame of *frame_len bytes. The
 * errors of both: ERR_MEETING_MALFORMED, ERR_KEY_POINT, ERR_OWN_KEY; and for the waiter
 * ERR_MEETING_COMMIT.
 */
must_check enum kith_error meeting_take_answer(struct meeting *meeting, const uint8_t *body,
                                               size_t len,
                                               uint8_t frame[static MEETING_VALUES_FRAME_MAX],
                                               size_t *frame_len);

/* The waiter: take the body of what was committed to. */
must_check enum kith_error meeting_take_open(struct meeting *meeting, const uint8_t *body,
                                             size_t len);

/* Once it is open: the code that both users are shown. */
void meeting_code(const struct meeting *meeting, char code[static MEETING_CODE_SIZE]);

/* Our user says yes: a frame that tells so. */
must_check enum kith_error meeting_yes(struct meeting *meeting,
                                       uint8_t frame[static MEETING_YES_FRAME_SIZE]);

/* Take the body of the other side's. ERR_MEETING_MALFORMED. */
must_check enum kith_error meeting_take_yes(struct meeting *meeting, const uint8_t *body,
                                            size_t len);

/* Whether both have said yes: then, and not before, their handshake may follow. */
bool meeting_is_agreed(const struct meeting *meeting);

/* The namespace of the handshake after a meeting with this digest. */
void meeting_namespace(uint8_t out[static MEETING_NAMESPACE_SIZE],
                       const uint8_t digest[static HASH_SIZE]);

#endif
