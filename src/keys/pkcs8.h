/*
 * Ed25519 keys as libcrypto and most others write them: PKCS#8 (RFC 5208, RFC 5958) for private
 * ones, SubjectPublicKeyInfo for public ones (RFC 8410), both in PEM (RFC 7468).
 */
#ifndef KITH_PKCS8_H
#define KITH_PKCS8_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "keys/pem.h"

/* Room for a private key in PEM, its NUL included. */
#define PKCS8_PEM_SIZE 128

/* Write a seed as PEM with a NUL after it. */
void pkcs8_write(char out[static PKCS8_PEM_SIZE], const uint8_t seed[static KEY_SIZE]);

/*
 * The seed in the lines of base64 of a PRIVATE KEY. ERR_KEY_TYPE for another algorithm than
 * Ed25519, ERR_KEY_DAMAGED.
 */
must_check enum kith_error pkcs8_private_key(uint8_t seed[static KEY_SIZE], struct text body);

/*
 * The same of an ENCRYPTED PRIVATE KEY, whose passphrase comes from ask. Also ERR_KEY_PASSPHRASE,
 * ERR_KEY_NO_PASSPHRASE, ERR_KEY_COSTLY, ERR_KEY_FORMAT if it is encrypted in a way that is not
 * known here.
 */
must_check enum kith_error pkcs8_encrypted_key(uint8_t seed[static KEY_SIZE], struct text body,
                                               crypto_passphrase *ask, void *context);

/* The key in the lines of base64 of a PUBLIC KEY. ERR_KEY_FORMAT, ERR_KEY_TYPE. */
must_check enum kith_error pkcs8_public_key(uint8_t key[static KEY_SIZE], struct text body);

#endif
