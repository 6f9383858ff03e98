/*
 * The handshake (kith-protocol(7), "Handshake"), one function a message and side, and one more
 * where a key that is not here has to sign:
 *
 *     dialer                                        listener
 *     dialer_hello, and once that is signed
 *     dialer_signed    -- message 1, hello_d -->    listener_hear, listener_verify
 *                                                   listener_answer, and once that is signed
 *     dialer_confirm  <-- message 2, hello_l --     listener_signed
 *                      -- message 3          -->    listener_finish
 *
 * Pure: bytes in, bytes out; time and randomness are arguments. A function called out of order
 * returns ERR_OUT_OF_ORDER. After any error the state is wiped and takes no further call.
 */
#ifndef KITH_HANDSHAKE_H
#define KITH_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "protocol/wire.h"

#define NAMESPACE_GIVEN_MAX                                                                        \
    1024 /* bytes; a bound of ours, so that what is signed has a fixed size */
#define NAMESPACE_MAX (NAMESPACE_GIVEN_MAX + 12) /* with the ending of a kind (protocol/kind.h) */
#define SIGNED_MAX (VARINT_MAX + NAMESPACE_MAX + INFO_MAX)

#define MESSAGE_1_FRAME_MAX (FRAME_HEADER_SIZE + MESSAGE_1_MAX)
#define MESSAGE_2_FRAME_MAX (FRAME_HEADER_SIZE + MESSAGE_2_MAX)
#define MESSAGE_3_FRAME_SIZE (FRAME_HEADER_SIZE + MESSAGE_3_SIZE)

/* What both sides have agreed on beforehand. */
struct handshake_params {
    uint64_t synchrony_bound_ms;
    uint64_t max_handshake_age_ms;
};

/* What a signature is good for: whoever agrees on another one is another protocol. */
struct namespace
{
    const uint8_t *bytes;
    size_t len; /* at most NAMESPACE_MAX */
};

/*
 * The traffic keys of one side; and by what both sides, and who has recorded it, can tell the
 * session from others: the first bytes of the listener's confirmation, which is no secret.
 */
#define SESSION_ID_SIZE 4
struct session_keys {
    uint8_t send[KEY_SIZE];
    uint8_t receive[KEY_SIZE];
    uint8_t id[SESSION_ID_SIZE];
};

enum handshake_state {
    HANDSHAKE_FRESH,   /* zeroed memory */
    HANDSHAKE_CALLING, /* the hello is to be signed */
    HANDSHAKE_CALLED,
    HANDSHAKE_HEARD,
    HANDSHAKE_VERIFIED,
    HANDSHAKE_ANSWERING, /* the answer is to be signed */
    HANDSHAKE_ANSWERED,
    HANDSHAKE_OVER /* done or failed */
};

/* One handshake, either role; starts as zeroed memory. Readers may look at the first three. */
struct handshake {
    uint8_t peer[KEY_SIZE];          /* dialer: whom we call; listener: who claims to call */
    uint64_t peer_timestamp_ms;      /* of the peer's hello, once it has been decoded */
    uint8_t hello_digest[HASH_SIZE]; /* SHA-256(hello_d), the continuation tag */

    enum handshake_state state;
    const struct handshake_params *params; /* the caller's, and outlives this */
    uint8_t namespace[NAMESPACE_MAX];      /* a copy, and its length */
    size_t namespace_len;
    uint8_t own_key[KEY_SIZE];
    uint8_t ephemeral_secret[KEY_SIZE];
    struct hello heard; /* the peer's hello */
    uint8_t transcript[HELLO_MAX + HELLO_MAX + TAG_SIZE];
    size_t hello_d_len; /* of the transcript, the dialer's hello */
    size_t transcript_len;
    size_t info_len; /* after the transcript: our Info, until it is signed */
    uint8_t key_d2l[KEY_SIZE];
    uint8_t key_l2d[KEY_SIZE];
    uint8_t key_d2l_confirmation[KEY_SIZE];
    uint8_t key_l2d_confirmation[KEY_SIZE];
};

/* What a signature covers: varint(length of namespace) || namespace || Info. Returns its length. */
size_t handshake_signed_bytes(uint8_t out[static SIGNED_MAX], const struct namespace *namespace,
                              const uint8_t *info, size_t info_len);

/*
 * Call peer: writes the Info that our key has to sign, of *info_len bytes. ERR_OWN_KEY for our own
 * key. The namespace is copied.
 */
must_check enum kith_error
dialer_hello(struct handshake *handshake, const struct handshake_params *params,
             const struct namespace *namespace, const uint8_t own_key[static KEY_SIZE],
             const uint8_t peer[static KEY_SIZE], const uint8_t ephemeral_secret[static KEY_SIZE],
             uint64_t now_ms, uint8_t info[static INFO_MAX], size_t *info_len);

/* Take the signature of that Info: writes message 1 as a frame of *frame_len bytes. */
must_check enum kith_error dialer_signed(struct handshake *handshake,
                                         const uint8_t signature[static SIGNATURE_SIZE],
                                         uint8_t frame[static MESSAGE_1_FRAME_MAX],
                                         size_t *frame_len);

/*
 * Take message 2, without its frame header, and verify all of it: hello, tag, peer, confirmation.
 * Then the peer is proven: *keys are those of the channel, and message 3 is in frame.
 */
must_check enum kith_error dialer_confirm(struct handshake *handshake, const uint8_t *message,
                                          size_t len, uint64_t now_ms,
                                          uint8_t frame[static MESSAGE_3_FRAME_SIZE],
                                          struct session_keys *keys);

/*
 * Take message 1, without its frame header: all checks up to the timestamp. handshake->peer then
 * is who claims to have signed it, which nothing has proven: decide whether that one may call.
 */
must_check enum kith_error listener_hear(struct handshake *handshake,
                                         const struct handshake_params *params,
                                         const uint8_t own_key[static KEY_SIZE],
                                         const uint8_t *message, size_t len, uint64_t now_ms);

/*
 * Verify the signature of message 1, under one of the namespaces that hold with who claims to have
 * signed it: the first that fits is copied, and *fits, unless NULL, is which. It may still be an
 * old hello, said again by somebody else.
 */
must_check enum kith_error listener_verify(struct handshake *handshake,
                                           const struct namespace *namespaces, size_t count,
                                           size_t *fits);

/* Answer: writes the Info that our key has to sign, of *info_len bytes. */
must_check enum kith_error listener_answer(struct handshake *handshake,
                                           const uint8_t ephemeral_secret[static KEY_SIZE],
                                           uint64_t now_ms, uint8_t info[static INFO_MAX],
                                           size_t *info_len);

/* Take the signature of that Info: writes message 2 as a frame of *frame_len bytes. */
must_check enum kith_error listener_signed(struct handshake *handshake,
                                           const uint8_t signature[static SIGNATURE_SIZE],
                                           uint8_t frame[static MESSAGE_2_FRAME_MAX],
                                           size_t *frame_len);

/* Take message 3, without its frame header. Then the peer is proven, and *keys are the channel's.
 */
must_check enum kith_error listener_finish(struct handshake *handshake, const uint8_t *message,
                                           size_t len, struct session_keys *keys);

/* Overwrite what is secret; fine at any time, and twice. */
void handshake_wipe(struct handshake *handshake);
void session_keys_wipe(struct session_keys *keys);

#endif
