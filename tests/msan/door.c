/*
 * The door to libcrypto, which MemorySanitizer does not see through, since that library is not
 * built with it: what goes in has to have been set, so that nothing else is ever sealed, signed or
 * compared, and what comes out has been. Each function stands here in the place of crypto.h's, by
 * the linker's --wrap.
 */
#include <sanitizer/msan_interface.h>

#include "crypto/crypto.h"

#define ENTERS(bytes, len) __msan_check_mem_is_initialized((bytes), (len))
#define LEAVES(bytes, len) __msan_unpoison((bytes), (len))

/* Behind the door the C library's functions do not look at what they are given. */
#define THROUGH(result, call)                                                                      \
    do {                                                                                           \
        __msan_scoped_disable_interceptor_checks();                                                \
        (result) = (call);                                                                         \
        __msan_scoped_enable_interceptor_checks();                                                 \
    } while (0)

/* NAME and its parameters, as those of crypto.h: declares the real one, and begins ours. */
#define DOOR(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

DOOR(enum kith_error, crypto_start, void)
{
    enum kith_error result;

    THROUGH(result, __real_crypto_start());
    return result;
}

DOOR(enum kith_error, crypto_start_keys, void)
{
    enum kith_error result;

    THROUGH(result, __real_crypto_start_keys());
    return result;
}

DOOR(bool, crypto_equal, const void *a, const void *b, size_t len)
{
    bool result;

    ENTERS(a, len);
    ENTERS(b, len);
    THROUGH(result, __real_crypto_equal(a, b, len));
    return result;
}

DOOR(enum kith_error, crypto_random, void *out, size_t len)
{
    enum kith_error result;

    THROUGH(result, __real_crypto_random(out, len));
    LEAVES(out, len);
    return result;
}

DOOR(enum kith_error, crypto_sha256, uint8_t *out, const struct piece *pieces, size_t count)
{
    enum kith_error result;

    for (size_t i = 0; i < count; i++)
        ENTERS(pieces[i].bytes, pieces[i].len);
    THROUGH(result, __real_crypto_sha256(out, pieces, count));
    LEAVES(out, HASH_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_hkdf, const struct derived_key *keys, size_t count,
     const uint8_t *salt, size_t salt_len, const uint8_t *secret, size_t secret_len)
{
    enum kith_error result;

    ENTERS(salt, salt_len);
    ENTERS(secret, secret_len);
    THROUGH(result, __real_crypto_hkdf(keys, count, salt, salt_len, secret, secret_len));
    for (size_t i = 0; i < count; i++)
        LEAVES(keys[i].key, KEY_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_x25519, uint8_t *shared, const uint8_t *secret,
     const uint8_t *peer_public)
{
    enum kith_error result;

    ENTERS(secret, KEY_SIZE);
    ENTERS(peer_public, KEY_SIZE);
    THROUGH(result, __real_crypto_x25519(shared, secret, peer_public));
    LEAVES(shared, KEY_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_x25519_public, uint8_t *public_key, const uint8_t *secret)
{
    enum kith_error result;

    ENTERS(secret, KEY_SIZE);
    THROUGH(result, __real_crypto_x25519_public(public_key, secret));
    LEAVES(public_key, KEY_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_ed25519_public, uint8_t *public_key, const uint8_t *seed)
{
    enum kith_error result;

    ENTERS(seed, KEY_SIZE);
    THROUGH(result, __real_crypto_ed25519_public(public_key, seed));
    LEAVES(public_key, KEY_SIZE);
    return result;
}

DOOR(struct crypto_signer *, crypto_signer_new, const uint8_t *seed)
{
    struct crypto_signer *result;

    ENTERS(seed, KEY_SIZE);
    THROUGH(result, __real_crypto_signer_new(seed));
    return result;
}

DOOR(enum kith_error, crypto_signer_sign, struct crypto_signer *signer, uint8_t *signature,
     const uint8_t *message, size_t len)
{
    enum kith_error result;

    ENTERS(message, len);
    THROUGH(result, __real_crypto_signer_sign(signer, signature, message, len));
    LEAVES(signature, SIGNATURE_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_ed25519_verify, const uint8_t *signature, const uint8_t *public_key,
     const uint8_t *message, size_t len)
{
    enum kith_error result;

    ENTERS(signature, SIGNATURE_SIZE);
    ENTERS(public_key, KEY_SIZE);
    ENTERS(message, len);
    THROUGH(result, __real_crypto_ed25519_verify(signature, public_key, message, len));
    return result;
}

DOOR(enum kith_error, crypto_ed25519_check_point, const uint8_t *public_key)
{
    enum kith_error result;

    ENTERS(public_key, KEY_SIZE);
    THROUGH(result, __real_crypto_ed25519_check_point(public_key));
    return result;
}

DOOR(struct crypto_aead *, crypto_aead_new, const uint8_t *key, bool seal)
{
    struct crypto_aead *result;

    ENTERS(key, KEY_SIZE);
    THROUGH(result, __real_crypto_aead_new(key, seal));
    return result;
}

DOOR(enum kith_error, crypto_seal, struct crypto_aead *aead, const uint8_t *nonce,
     const uint8_t *data, size_t data_len, const uint8_t *plaintext, size_t len, uint8_t *out,
     uint8_t *tag)
{
    enum kith_error result;

    ENTERS(nonce, NONCE_SIZE);
    ENTERS(data, data_len);
    ENTERS(plaintext, len);
    THROUGH(result, __real_crypto_seal(aead, nonce, data, data_len, plaintext, len, out, tag));
    LEAVES(out, len);
    LEAVES(tag, TAG_SIZE);
    return result;
}

DOOR(enum kith_error, crypto_open, struct crypto_aead *aead, const uint8_t *nonce,
     const uint8_t *data, size_t data_len, const uint8_t *ciphertext, size_t len,
     const uint8_t *tag, uint8_t *out)
{
    enum kith_error result;

    ENTERS(nonce, NONCE_SIZE);
    ENTERS(data, data_len);
    ENTERS(ciphertext, len);
    ENTERS(tag, TAG_SIZE);
    THROUGH(result, __real_crypto_open(aead, nonce, data, data_len, ciphertext, len, tag, out));
    LEAVES(out, len);
    return result;
}

DOOR(bool, crypto_pkcs8_is_other, const uint8_t *der, size_t len)
{
    bool result;

    ENTERS(der, len);
    THROUGH(result, __real_crypto_pkcs8_is_other(der, len));
    return result;
}

DOOR(enum kith_error, crypto_pkcs8_decrypt, uint8_t *plain, size_t *plain_len, const uint8_t *der,
     size_t len, crypto_passphrase *ask, void *context)
{
    enum kith_error error;

    ENTERS(der, len);
    THROUGH(error, __real_crypto_pkcs8_decrypt(plain, plain_len, der, len, ask, context));
    LEAVES(plain_len, sizeof(*plain_len));
    LEAVES(plain, *plain_len);
    return error;
}
