/*
 * The two parties of a handshake in a test: an identity that signs with a key in memory, and
 * hellos made by hand, so that each field can be wrong.
 */
#ifndef KITH_TEST_PARTY_H
#define KITH_TEST_PARTY_H

#include <string.h>

#include "crypto/crypto.h"
#include "protocol/handshake.h"
#include "protocol/wire.h"

struct party {
    uint8_t public_key[KEY_SIZE];
    struct handshake_params params;
    struct namespace namespace;
    struct crypto_signer *key;
    uint8_t secret[KEY_SIZE]; /* ephemeral */
};

static inline enum kith_error party_sign(const struct party *party,
                                         uint8_t signature[static SIGNATURE_SIZE],
                                         const uint8_t *info, size_t info_len)
{
    uint8_t message[SIGNED_MAX];
    size_t len = handshake_signed_bytes(message, &party->namespace, info, info_len);

    return crypto_signer_sign(party->key, signature, message, len);
}

/* party_end has to follow where many are started. */
static inline enum kith_error party_start(struct party *party, const uint8_t seed[static KEY_SIZE],
                                          const uint8_t secret[static KEY_SIZE],
                                          const uint8_t *namespace, size_t namespace_len)
{
    party->params = (struct handshake_params){
        .synchrony_bound_ms = 5000,
        .max_handshake_age_ms = 10000,
    };
    party->namespace = (struct namespace){namespace, namespace_len};
    party->key = crypto_signer_new(seed);
    if (party->key == NULL)
        return ERR_MEMORY;
    memcpy(party->secret, secret, KEY_SIZE);
    return crypto_ed25519_public(party->public_key, seed);
}

static inline void party_end(struct party *party)
{
    crypto_signer_free(party->key);
    party->key = NULL;
}

/* Sign info as this party does, and write the hello that comes of it; *len is its length. */
static inline enum kith_error party_hello(struct party *party, const struct info *info,
                                          uint8_t out[static HELLO_MAX], size_t *len)
{
    size_t info_len = wire_put_info(out, info);

    memcpy(out + info_len, party->public_key, KEY_SIZE);
    *len = info_len + KEY_SIZE + SIGNATURE_SIZE;
    return party_sign(party, out + info_len + KEY_SIZE, out, info_len);
}

/* Call: the hello, signed at once, as message 1. */
static inline enum kith_error party_call(const struct party *party, struct handshake *handshake,
                                         const uint8_t peer[static KEY_SIZE], uint64_t now_ms,
                                         uint8_t frame[static MESSAGE_1_FRAME_MAX], size_t *len)
{
    uint8_t info[INFO_MAX], signature[SIGNATURE_SIZE];
    enum kith_error error;

    *len = 0;
    error = dialer_hello(handshake, &party->params, &party->namespace, party->public_key, peer,
                         party->secret, now_ms, info, len);
    if (error == OK)
        error = party_sign(party, signature, info, *len);
    return error == OK ? dialer_signed(handshake, signature, frame, len) : error;
}

/* Answer: the same for message 2. */
static inline enum kith_error party_answer(const struct party *party, struct handshake *handshake,
                                           uint64_t now_ms,
                                           uint8_t frame[static MESSAGE_2_FRAME_MAX], size_t *len)
{
    uint8_t info[INFO_MAX], signature[SIGNATURE_SIZE];
    enum kith_error error = listener_answer(handshake, party->secret, now_ms, info, len);

    if (error == OK)
        error = party_sign(party, signature, info, *len);
    return error == OK ? listener_signed(handshake, signature, frame, len) : error;
}

#endif
