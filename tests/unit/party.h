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
    struct signer signer;
    struct handshake_params params;
    struct crypto_signer *key;
    uint8_t secret[KEY_SIZE]; /* ephemeral */
};

static inline enum kith_error party_sign(void *context, uint8_t signature[static SIGNATURE_SIZE],
                                         const uint8_t *info, size_t info_len)
{
    const struct party *party = context;
    uint8_t message[SIGNED_MAX];
    size_t len = handshake_signed_bytes(message, party->params.namespace,
                                        party->params.namespace_len, info, info_len);

    return crypto_signer_sign(party->key, signature, message, len);
}

/* *party is what its signer refers to, and stays where it is; party_end if it does not for long. */
static inline enum kith_error party_start(struct party *party, const uint8_t seed[static KEY_SIZE],
                                          const uint8_t secret[static KEY_SIZE],
                                          const uint8_t *namespace, size_t namespace_len)
{
    party->params = (struct handshake_params){
        .namespace = namespace,
        .namespace_len = namespace_len,
        .synchrony_bound_ms = 5000,
        .max_handshake_age_ms = 10000,
    };
    party->signer.sign = party_sign;
    party->signer.context = party;
    party->key = crypto_signer_new(seed);
    if (party->key == NULL)
        return ERR_MEMORY;
    memcpy(party->secret, secret, KEY_SIZE);
    return crypto_ed25519_public(party->signer.public_key, seed);
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

    memcpy(out + info_len, party->signer.public_key, KEY_SIZE);
    *len = info_len + KEY_SIZE + SIGNATURE_SIZE;
    return party_sign(party, out + info_len + KEY_SIZE, out, info_len);
}

#endif
