/*
 * Owns the DER of Ed25519 keys. It must never leave a decoded secret on the stack, nor give one to
 * libcrypto's own reader of PEM, which leaves a copy on the heap.
 */
#include "keys/pkcs8.h"

#include <string.h>

/* What stands before the key itself in the DER of RFC 8410. */
static const uint8_t private_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const uint8_t public_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

#define PRIVATE_SIZE (sizeof(private_head) + KEY_SIZE)
#define PUBLIC_SIZE (sizeof(public_head) + KEY_SIZE)

/* An Ed25519 key needs less, in any encryption; keys of other algorithms may need more. */
#define DER_SIZE PEM_DECODED_SIZE(4096)

/* Not by printf: how long that takes may tell of the digits. */
void pkcs8_write(char out[static PKCS8_PEM_SIZE], const uint8_t seed[static KEY_SIZE])
{
    static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
    static const char end[] = "\n-----END PRIVATE KEY-----\n";
    uint8_t der[PRIVATE_SIZE];
    char *digits = out + sizeof(begin) - 1;

    _Static_assert(PRIVATE_SIZE % 3 == 0, "the base64 of a private key has no padding");
    _Static_assert(PKCS8_PEM_SIZE >= sizeof(begin) + PRIVATE_SIZE / 3 * 4 + sizeof(end),
                   "there is room");
    memcpy(der, private_head, sizeof(private_head));
    memcpy(der + sizeof(private_head), seed, KEY_SIZE);
    memcpy(out, begin, sizeof(begin));
    crypto_base64_encode(digits, der, sizeof(der));
    memcpy(digits + PRIVATE_SIZE / 3 * 4, end, sizeof(end));
    crypto_wipe(der, sizeof(der));
}

/*
 * The second version of PKCS#8 (RFC 5958) differs from the first in its length and its number, and
 * has the public key after the seed.
 */
static enum kith_error read_private(uint8_t seed[static KEY_SIZE], const uint8_t *der, size_t len)
{
    const uint8_t *head = private_head;

    if (len < PRIVATE_SIZE || len >= 0x80 || der[0] != head[0] || der[1] != len - 2 ||
        memcmp(der + 2, head + 2, 2) != 0 || der[4] > 1 ||
        memcmp(der + 5, head + 5, sizeof(private_head) - 5) != 0)
        return crypto_pkcs8_is_other(der, len) ? ERR_KEY_TYPE : ERR_KEY_DAMAGED;
    memcpy(seed, der + sizeof(private_head), KEY_SIZE);
    return OK;
}

/* Decode a body. One too large for an Ed25519 key is of another type. */
static enum kith_error decode(uint8_t der[static DER_SIZE], size_t *len, struct text body)
{
    enum kith_error error = pem_decode(der, DER_SIZE, len, body);

    return error == ERR_FILE_TOO_LARGE ? ERR_KEY_TYPE : error;
}

enum kith_error pkcs8_private_key(uint8_t seed[static KEY_SIZE], struct text body)
{
    uint8_t der[DER_SIZE];
    size_t len = 0;
    enum kith_error error = decode(der, &len, body);

    if (error == OK)
        error = read_private(seed, der, len);
    crypto_wipe(der, sizeof(der));
    return error;
}

enum kith_error pkcs8_encrypted_key(uint8_t seed[static KEY_SIZE], struct text body,
                                    crypto_passphrase *ask, void *context)
{
    uint8_t der[DER_SIZE], plain[DER_SIZE];
    size_t len = 0, plain_len = 0;
    enum kith_error error = decode(der, &len, body);

    if (error == OK)
        error = crypto_pkcs8_decrypt(plain, &plain_len, der, len, ask, context);
    if (error == OK) {
        error = read_private(seed, plain, plain_len);
        if (error == ERR_KEY_DAMAGED) /* the noise that a wrong passphrase may yield */
            error = ERR_KEY_PASSPHRASE;
    }
    crypto_wipe(plain, sizeof(plain));
    return error;
}

enum kith_error pkcs8_public_key(uint8_t key[static KEY_SIZE], struct text body)
{
    uint8_t der[DER_SIZE];
    size_t len = 0;
    enum kith_error error = decode(der, &len, body);

    if (error != OK)
        return error == ERR_KEY_TYPE ? ERR_KEY_TYPE : ERR_KEY_FORMAT;
    if (len < sizeof(public_head) || memcmp(der, public_head, sizeof(public_head)) != 0)
        return ERR_KEY_TYPE;
    if (len != PUBLIC_SIZE)
        return ERR_KEY_FORMAT;
    memcpy(key, der + sizeof(public_head), KEY_SIZE);
    return OK;
}
