/*
 * What a dialer and a listener come to, by an account of our own: from both hellos and what one of
 * them knows.
 */
#ifndef KITH_FUZZ_ACCOUNT_H
#define KITH_FUZZ_ACCOUNT_H

#include "signed.h"

struct account {
    struct session_keys dialers;
    uint8_t by_listener[TAG_SIZE]; /* the confirmations */
    uint8_t by_dialer[TAG_SIZE];
};

static inline void confirmation_of(uint8_t tag[static TAG_SIZE], const uint8_t key[static KEY_SIZE],
                                   const uint8_t *transcript, size_t len)
{
    static const uint8_t nonce[NONCE_SIZE];
    struct crypto_aead *aead = crypto_aead_new(key, true);
    uint8_t nothing[1] = {0};

    demand(aead != NULL);
    demand(crypto_seal(aead, nonce, transcript, len, nothing, 0, nothing, tag) == OK);
    crypto_aead_free(aead);
}

/* False if the ephemeral key of the other one is of low order. */
static inline bool make_account(struct account *account, const uint8_t secret[static KEY_SIZE],
                                const uint8_t theirs[static KEY_SIZE], const uint8_t *hello_d,
                                size_t len_d, const uint8_t *hello_l, size_t len_l)
{
    static const char prefix[] = "commonware-stream/KDF/v1/";
    uint8_t transcript[2 * HELLO_MAX + TAG_SIZE], confirms_l[KEY_SIZE], confirms_d[KEY_SIZE];
    const struct piece salted[] = {{prefix, sizeof(prefix) - 1},
                                   {namespace, sizeof(namespace) - 1},
                                   {hello_d, len_d},
                                   {hello_l, len_l}};
    const struct derived_key keys[] = {{"d2l/traffic", account->dialers.send},
                                       {"l2d/traffic", account->dialers.receive},
                                       {"l2d/confirmation", confirms_l},
                                       {"d2l/confirmation", confirms_d}};
    uint8_t shared[KEY_SIZE], salt[HASH_SIZE];

    if (crypto_x25519(shared, secret, theirs) != OK)
        return false;
    demand(crypto_sha256(salt, salted, 4) == OK);
    demand(crypto_hkdf(keys, 4, salt, sizeof(salt), shared, sizeof(shared)) == OK);
    memcpy(transcript, hello_d, len_d);
    memcpy(transcript + len_d, hello_l, len_l);
    confirmation_of(account->by_listener, confirms_l, transcript, len_d + len_l);
    memcpy(account->dialers.id, account->by_listener, SESSION_ID_SIZE);
    memcpy(transcript + len_d + len_l, account->by_listener, TAG_SIZE);
    confirmation_of(account->by_dialer, confirms_d, transcript, len_d + len_l + TAG_SIZE);
    return true;
}

/* Whether two ephemeral keys are one to whoever agrees on a secret with them. */
static inline bool are_alike(const uint8_t a[static KEY_SIZE], const uint8_t b[static KEY_SIZE])
{
    uint8_t with_a[KEY_SIZE], with_b[KEY_SIZE];

    return crypto_x25519(with_a, stranger.secret, a) == OK &&
           crypto_x25519(with_b, stranger.secret, b) == OK && memcmp(with_a, with_b, KEY_SIZE) == 0;
}

/* The call that a message 2 answers. */
struct called {
    const uint8_t *hello;
    size_t len;
    uint8_t digest[HASH_SIZE];
    const uint8_t *secret; /* ephemeral, of the dialer */
};

/* Put the confirmation behind the hello, as the choices want it; whether there are keys at all. */
static inline bool end_answer(struct signed_hello *made, const struct called *call,
                              struct account *account)
{
    struct hello hello = {0};
    bool agreed;

    if (wire_get_hello(&hello, &(size_t){0}, &(size_t){0}, made->bytes, made->len) != OK)
        hello = (struct hello){.signer = {0}};
    agreed = make_account(account, call->secret, hello.info.ephemeral, call->hello, call->len,
                          made->bytes, made->len);
    if (agreed)
        memcpy(made->bytes + made->len, account->by_listener, TAG_SIZE);
    made->len += TAG_SIZE;
    made->bytes[made->len - 1] ^= (made->choices & OTHER_CONFIRMATION) != 0;
    made->len += (made->choices & ONE_MORE_BYTE) != 0;
    return agreed;
}

/* What a dialer has to say to it. */
static inline enum kith_error judge_answer(const struct signed_hello *made,
                                           const struct called *call, bool agreed)
{
    struct hello hello = {0};
    enum kith_error error = judge(made, &hello, &dialer, TAG_SIZE);

    if (error != OK)
        return error;
    if (!hello.info.has_tag || memcmp(hello.info.tag, call->digest, HASH_SIZE) != 0)
        return ERR_TAG;
    if (memcmp(hello.signer, listener.public_key, KEY_SIZE) != 0)
        return ERR_WRONG_PEER;
    if (!agreed)
        return ERR_LOW_ORDER;
    return (made->choices & OTHER_CONFIRMATION) != 0 ? ERR_CONFIRMATION : OK;
}

#endif
