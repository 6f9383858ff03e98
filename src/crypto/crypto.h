/*
 * The cryptography that kith uses, each primitive in the shape the protocol wants it. This is the
 * only door to libcrypto; no other file includes its headers.
 */
#ifndef KITH_CRYPTO_H
#define KITH_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define HASH_SIZE 32
#define TAG_SIZE 16
#define NONCE_SIZE 12

/*
 * Look up the algorithms, once, before anything else here and before any thread starts.
 * ERR_CRYPTO if this libcrypto lacks one.
 */
must_check enum kith_error crypto_start(void);

/*
 * The part of it that hashes, Ed25519 and key files need, for a process that does nothing else, or
 * forks one that does. Fine twice, and before crypto_start. ERR_MEMORY: nothing has begun, and
 * nothing else here may be called.
 */
must_check enum kith_error crypto_start_keys(void);

/* Overwrite a secret; never optimised away. */
void crypto_wipe(void *secret, size_t len);

/* Overwrite what functions that have returned may have left of a secret, 8 KiB below the caller. */
void crypto_wipe_stack(void);

/* Compare without a time that depends on the contents. */
bool crypto_equal(const void *a, const void *b, size_t len);

/*
 * Fill out with up to 256 bytes from the operating system's generator; safe for threads and after a
 * fork.
 */
must_check enum kith_error crypto_random(void *out, size_t len);

/*
 * Have libcrypto keep its secret keys in memory that is locked and left out of core files, as far
 * as the system lets us. For a process with few of them: there is room for some dozens.
 */
void crypto_keep_secrets(void);

/* SHA-256 (FIPS 180-4) over the concatenation of count pieces. */
struct piece {
    const void *bytes;
    size_t len;
};
must_check enum kith_error crypto_sha256(uint8_t out[static HASH_SIZE], const struct piece *pieces,
                                         size_t count);

/* A key that HKDF makes: the info that tells it from the others, and KEY_SIZE bytes to be filled.
 */
struct derived_key {
    const char *info;
    uint8_t *key;
};

/*
 * HKDF with SHA-256 (RFC 5869): from one secret, count keys. The salt may be empty. On error the
 * keys are not to be used, and may have been written.
 */
must_check enum kith_error crypto_hkdf(const struct derived_key *keys, size_t count,
                                       const uint8_t *salt, size_t salt_len, const uint8_t *secret,
                                       size_t secret_len);

/* X25519 (RFC 7748). */
must_check enum kith_error crypto_x25519_public(uint8_t public_key[static KEY_SIZE],
                                                const uint8_t secret[static KEY_SIZE]);

/* The shared secret; ERR_LOW_ORDER if it is all zero. */
must_check enum kith_error crypto_x25519(uint8_t shared[static KEY_SIZE],
                                         const uint8_t secret[static KEY_SIZE],
                                         const uint8_t peer_public[static KEY_SIZE]);

/* Ed25519 (RFC 8032). A seed is the 32 bytes of RFC 8032's private key. */
must_check enum kith_error crypto_ed25519_public(uint8_t public_key[static KEY_SIZE],
                                                 const uint8_t seed[static KEY_SIZE]);

/* A key to sign with: set up once, it halves the cost of each signature. For one thread. */
struct crypto_signer;

/* NULL if there is no memory. The seed is copied. */
struct crypto_signer *crypto_signer_new(const uint8_t seed[static KEY_SIZE]);

/* Wipes and frees; NULL is fine. */
void crypto_signer_free(struct crypto_signer *signer);

must_check enum kith_error crypto_signer_sign(struct crypto_signer *signer,
                                              uint8_t signature[static SIGNATURE_SIZE],
                                              const uint8_t *message, size_t len);

/* OK, or ERR_SIGNATURE. */
must_check enum kith_error crypto_ed25519_verify(const uint8_t signature[static SIGNATURE_SIZE],
                                                 const uint8_t public_key[static KEY_SIZE],
                                                 const uint8_t *message, size_t len);

/*
 * OK if the bytes are the canonical encoding of a point of the curve (RFC 8032, 5.1.3) that is
 * not of low order, else ERR_KEY_POINT. For keys that are read from files.
 */
must_check enum kith_error crypto_ed25519_check_point(const uint8_t public_key[static KEY_SIZE]);

/*
 * ChaCha20-Poly1305 (RFC 8439) under one key and in one direction. A context is set up once; a
 * message then costs a nonce and its bytes, and allocates nothing.
 */
struct crypto_aead;

/* NULL if there is no memory. The key is copied. */
struct crypto_aead *crypto_aead_new(const uint8_t key[static KEY_SIZE], bool seal);

/* Wipes and frees; NULL is fine. */
void crypto_aead_free(struct crypto_aead *aead);

/*
 * Seal len bytes of plaintext into out (len bytes, may be plaintext itself) and tag.
 * The associated data is data_len bytes at data (NULL and 0 for none).
 */
must_check enum kith_error crypto_seal(struct crypto_aead *aead,
                                       const uint8_t nonce[static NONCE_SIZE], const uint8_t *data,
                                       size_t data_len, const uint8_t *plaintext, size_t len,
                                       uint8_t *out, uint8_t tag[static TAG_SIZE]);

/*
 * Open len bytes of ciphertext into out (may be ciphertext itself). ERR_TAMPERED if the tag is
 * not right: out then holds nothing that may be used.
 */
must_check enum kith_error crypto_open(struct crypto_aead *aead,
                                       const uint8_t nonce[static NONCE_SIZE], const uint8_t *data,
                                       size_t data_len, const uint8_t *ciphertext, size_t len,
                                       const uint8_t tag[static TAG_SIZE], uint8_t *out);

/*
 * Decode base64 (RFC 4648) of len characters, no white space, into out (at least len / 4 * 3 + 3
 * bytes). Returns the number of bytes, or -1 if it is malformed.
 */
int crypto_base64_decode(uint8_t *out, const char *text, size_t len);

/* Encode len bytes into out, which has room for (len + 2) / 3 * 4 characters and a NUL. */
void crypto_base64_encode(char *out, const uint8_t *bytes, size_t len);

/* Whether this DER is a private key in PKCS#8, not encrypted, of another algorithm than Ed25519. */
bool crypto_pkcs8_is_other(const uint8_t *der, size_t len);

/*
 * Called once by crypto_pkcs8_decrypt, asks for a passphrase: writes at most size bytes to out and
 * returns how many, or -1 when there is no way to ask.
 */
typedef int crypto_passphrase(char *out, int size, void *context);

/*
 * Decrypt len bytes of DER, an encrypted PKCS#8 structure, into plain, which has room for as many;
 * the passphrase comes from ask, which gets the context. ERR_KEY_DAMAGED if it is no such
 * structure; ERR_KEY_COSTLY, before it asks, if that would take longer than some seconds;
 * ERR_KEY_NO_PASSPHRASE, ERR_KEY_PASSPHRASE; ERR_KEY_FORMAT if it is encrypted in a way that
 * libcrypto does not know. One in 256 wrong passphrases is not noticed: plain is noise then.
 */
must_check enum kith_error crypto_pkcs8_decrypt(uint8_t *plain, size_t *plain_len,
                                                const uint8_t *der, size_t len,
                                                crypto_passphrase *ask, void *context);

#endif
