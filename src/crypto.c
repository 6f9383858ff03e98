/*
 * Every primitive that kith uses, on top of libcrypto. This file owns the algorithms it looks up at
 * start, which are only read from then on; every other object lives for one call, or belongs to the
 * caller. It must never leave a secret behind in memory or an entry in libcrypto's error queue, and
 * it must never say what went wrong otherwise than by its return value.
 */
#include "crypto.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pkcs12.h>
#include <openssl/proverr.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

/* ---- Start, and the end of every call ---- */

static struct {
    EVP_MD *sha256;
    EVP_KDF *hkdf;
    EVP_CIPHER *chacha20_poly1305;
} fetched;

/* The result of a call to this file: a failure takes libcrypto's own account of it away. */
static enum kith_error result(enum kith_error error)
{
    if (error != OK)
        ERR_clear_error();
    return error;
}

static enum kith_error result_of(bool success)
{
    return result(success ? OK : ERR_CRYPTO);
}

enum kith_error crypto_start(void)
{
    /*
     * No configuration file, no tables of names and messages: they would double the time of a
     * start, for nothing that is used here. No clean-up at exit, which would pull libcrypto from
     * under threads that still run.
     */
    const uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                             OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS |
                             OPENSSL_INIT_NO_ATEXIT;
    if (OPENSSL_init_crypto(options, NULL) != 1)
        return result(ERR_CRYPTO);
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    fetched.chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    return result_of(fetched.sha256 && fetched.hkdf && fetched.chacha20_poly1305);
}

/* ---- Memory and randomness ---- */

void crypto_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

enum kith_error crypto_random(void *out, size_t len)
{
    return result_of(len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1);
}

/* ---- SHA-256 and HKDF ---- */

enum kith_error crypto_sha256(uint8_t out[static HASH_SIZE], const struct piece *pieces,
                              size_t count)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex2(context, fetched.sha256, NULL) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].len) == 1;
    good = good && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return result_of(good);
}

/* OSSL_PARAM knows no const, though libcrypto only reads what is passed in by it. */
static OSSL_PARAM octets(const char *name, const uint8_t *bytes, size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, len);
}

/* One half of HKDF: key, and the parameter that goes with this mode. */
static enum kith_error hkdf(uint8_t *out, size_t len, int mode, OSSL_PARAM key, OSSL_PARAM other)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        key,
        other,
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(fetched.hkdf);
    bool good = context && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    return result_of(good);
}

enum kith_error crypto_hkdf_extract(uint8_t prk[static HASH_SIZE], const uint8_t *salt,
                                    size_t salt_len, const uint8_t *secret, size_t secret_len)
{
    return hkdf(prk, HASH_SIZE, EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                octets(OSSL_KDF_PARAM_KEY, secret, secret_len),
                octets(OSSL_KDF_PARAM_SALT, salt, salt_len));
}

enum kith_error crypto_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[static HASH_SIZE],
                                   const uint8_t *info, size_t info_len)
{
    return hkdf(out, len, EVP_KDF_HKDF_MODE_EXPAND_ONLY, octets(OSSL_KDF_PARAM_KEY, prk, HASH_SIZE),
                octets(OSSL_KDF_PARAM_INFO, info, info_len));
}

/* ---- X25519 ---- */

/*
 * libcrypto wants a secret's public key beside it, and would compute what is missing. That takes
 * longer than the exchange, which does not look at it: any bytes do.
 */
static EVP_PKEY *x25519_secret(const uint8_t secret[static KEY_SIZE])
{
    static const uint8_t unused[KEY_SIZE];
    OSSL_PARAM params[] = {
        octets(OSSL_PKEY_PARAM_PRIV_KEY, secret, KEY_SIZE),
        octets(OSSL_PKEY_PARAM_PUB_KEY, unused, KEY_SIZE),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    if (context && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(context);
    return key;
}

enum kith_error crypto_x25519(uint8_t shared[static KEY_SIZE],
                              const uint8_t secret[static KEY_SIZE],
                              const uint8_t peer_public[static KEY_SIZE])
{
    static const uint8_t zero[KEY_SIZE];
    EVP_PKEY *own = x25519_secret(secret);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer_public, KEY_SIZE);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    size_t len = KEY_SIZE;
    enum kith_error error = ERR_CRYPTO;
    if (context && peer && EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1) {
        if (EVP_PKEY_derive(context, shared, &len) == 1)
            error = crypto_equal(shared, zero, KEY_SIZE) ? ERR_LOW_ORDER : OK;
        else if (ERR_GET_REASON(ERR_peek_last_error()) == PROV_R_FAILED_DURING_DERIVATION)
            error = ERR_LOW_ORDER; /* libcrypto's own refusal of an all-zero result */
    }
    if (error != OK)
        crypto_wipe(shared, KEY_SIZE);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return result(error);
}

enum kith_error crypto_x25519_public(uint8_t public_key[static KEY_SIZE],
                                     const uint8_t secret[static KEY_SIZE])
{
    static const uint8_t base_point[KEY_SIZE] = {9};
    return crypto_x25519(public_key, secret, base_point);
}

/* ---- Ed25519 ---- */

enum kith_error crypto_ed25519_public(uint8_t public_key[static KEY_SIZE],
                                      const uint8_t seed[static KEY_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, KEY_SIZE);
    size_t len = KEY_SIZE;
    bool good = key && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    return result_of(good);
}

enum kith_error crypto_ed25519_sign(uint8_t signature[static SIGNATURE_SIZE],
                                    const uint8_t seed[static KEY_SIZE], const uint8_t *message,
                                    size_t len)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SIGNATURE_SIZE;
    bool good = key && context &&
                EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestSign(context, signature, &size, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return result_of(good);
}

enum kith_error crypto_ed25519_verify(const uint8_t signature[static SIGNATURE_SIZE],
                                      const uint8_t key[static KEY_SIZE], const uint8_t *message,
                                      size_t len)
{
    EVP_PKEY *signer = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key, KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = signer && context &&
                 EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, signer, NULL) == 1;
    bool good = ready && EVP_DigestVerify(context, signature, SIGNATURE_SIZE, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(signer);
    return result(good ? OK : ready ? ERR_SIGNATURE : ERR_CRYPTO);
}

/* ---- Points of edwards25519: -x^2 + y^2 = 1 + d x^2 y^2 modulo p ---- */

static const char curve_p[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
static const char curve_d[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

/*
 * The top bit is the sign of x. With s = y^2, u = s - 1 and v = d s + 1, the equation says that
 * x^2 is u / v. v is never 0, so there is such an x, and it is not 0, if and only if u v is a
 * square and not 0. The order divides 8 if x = 0 (orders 1 and 2), if y = 0 (order 4), or if
 * doubling leads to y = 0, from x^2 + y^2 = 0, that is u + v s = 0 (order 8).
 */
static enum kith_error check_y(const uint8_t encoded[static KEY_SIZE], BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *p = BN_CTX_get(context);
    BIGNUM *s = BN_CTX_get(context);
    BIGNUM *u = BN_CTX_get(context);
    BIGNUM *v = BN_CTX_get(context);
    BIGNUM *w = BN_CTX_get(context);
    if (!w || !BN_hex2bn(&p, curve_p) || !BN_hex2bn(&v, curve_d) ||
        !BN_lebin2bn(encoded, KEY_SIZE, s) || (BN_is_bit_set(s, 255) && !BN_clear_bit(s, 255)))
        return ERR_CRYPTO;
    if (BN_cmp(s, p) >= 0)
        return ERR_KEY_POINT;
    if (!BN_mod_sqr(s, s, p, context) || !BN_mod_sub(u, s, BN_value_one(), p, context) ||
        !BN_mod_mul(v, v, s, p, context) || !BN_mod_add(v, v, BN_value_one(), p, context) ||
        !BN_mod_mul(w, v, s, p, context) || !BN_mod_add(w, w, u, p, context))
        return ERR_CRYPTO;
    if (BN_is_zero(s) || BN_is_zero(w))
        return ERR_KEY_POINT;
    if (!BN_mod_mul(w, u, v, p, context))
        return ERR_CRYPTO;
    int symbol = BN_kronecker(w, p, context);
    return symbol == 1 ? OK : symbol < -1 ? ERR_CRYPTO : ERR_KEY_POINT;
}

enum kith_error crypto_ed25519_check_point(const uint8_t public_key[static KEY_SIZE])
{
    BN_CTX *context = BN_CTX_new();
    enum kith_error error = context ? check_y(public_key, context) : ERR_CRYPTO;
    BN_CTX_free(context);
    return result(error);
}

/* ---- ChaCha20-Poly1305: a struct crypto_aead is libcrypto's context under our name ---- */

struct crypto_aead *crypto_aead_new(const uint8_t key[static KEY_SIZE], bool seal)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher && EVP_CipherInit_ex2(cipher, fetched.chacha20_poly1305, key, NULL, seal, NULL) == 1)
        return (struct crypto_aead *)cipher;
    EVP_CIPHER_CTX_free(cipher);
    ERR_clear_error();
    return NULL;
}

void crypto_aead_free(struct crypto_aead *aead)
{
    EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)aead);
}

/* Pass len bytes through the cipher; out is NULL for associated data. libcrypto counts in int. */
static bool pass(EVP_CIPHER_CTX *cipher, uint8_t *out, const uint8_t *in, size_t len)
{
    const size_t most = (size_t)1 << 30;
    for (size_t step = 0; len > 0; in += step, len -= step) {
        int done = 0;
        step = len < most ? len : most;
        if (EVP_CipherUpdate(cipher, out, &done, in, (int)step) != 1)
            return false;
        out = out ? out + step : NULL;
    }
    return true;
}

enum kith_error crypto_seal(struct crypto_aead *aead, const uint8_t nonce[static NONCE_SIZE],
                            const uint8_t *data, size_t data_len, const uint8_t *plaintext,
                            size_t len, uint8_t *out, uint8_t tag[static TAG_SIZE])
{
    EVP_CIPHER_CTX *cipher = (EVP_CIPHER_CTX *)aead;
    int rest = 0; /* a stream cipher holds nothing back */
    return result_of(EVP_CipherInit_ex2(cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
                     pass(cipher, NULL, data, data_len) && pass(cipher, out, plaintext, len) &&
                     EVP_CipherFinal_ex(cipher, tag, &rest) == 1 &&
                     EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
}

enum kith_error crypto_open(struct crypto_aead *aead, const uint8_t nonce[static NONCE_SIZE],
                            const uint8_t *data, size_t data_len, const uint8_t *ciphertext,
                            size_t len, const uint8_t tag[static TAG_SIZE], uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = (EVP_CIPHER_CTX *)aead;
    uint8_t expected[TAG_SIZE]; /* a copy, since libcrypto's parameter has no const */
    int rest = 0;
    enum kith_error error = ERR_CRYPTO;
    memcpy(expected, tag, TAG_SIZE);
    if (EVP_CipherInit_ex2(cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
        pass(cipher, NULL, data, data_len) && pass(cipher, out, ciphertext, len) &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, expected) == 1)
        error = EVP_CipherFinal_ex(cipher, expected, &rest) == 1 ? OK : ERR_TAMPERED;
    if (error != OK && len > 0)
        crypto_wipe(out, len);
    return result(error);
}

/* ---- Base64, and PEM by hand: libcrypto's reader leaves a copy of the key on the heap ---- */

int crypto_base64_decode(uint8_t *out, const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int padding = 0;
    if (len == 0 || len > INT_MAX || len % 4 != 0)
        return len == 0 ? 0 : -1;
    while (padding < 2 && text[len - 1 - (size_t)padding] == '=')
        padding++;
    /* Checked here, since libcrypto skips white space and takes a dash for the end. */
    for (size_t i = 0; i < len - (size_t)padding; i++)
        if (!memchr(digits, text[i], sizeof(digits) - 1))
            return -1;
    int size = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
    /* The padding decodes to zeros, unless the digit before it has bits that belong to no byte. */
    for (int i = 1; i <= padding && i <= size; i++)
        if (out[size - i] != 0)
            return -1;
    return size - padding;
}

#define PASSPHRASE_MAX 1024
#define PEM_DIGITS_MAX 4096 /* an Ed25519 key needs less in any encryption; other keys may not */
#define DER_MAX (PEM_DIGITS_MAX / 4 * 3 + 3)

/* What stands before the key itself in the DER of RFC 8410. */
static const uint8_t pkcs8_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                     0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const uint8_t spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static const char *find(const char *text, size_t len, const char *marker)
{
    size_t size = strlen(marker);
    for (; len >= size; text++, len--)
        if (memcmp(text, marker, size) == 0)
            return text;
    return NULL;
}

/* Decode what stands between the two lines of a label. */
static enum kith_error pem_decode(uint8_t der[static DER_MAX], size_t *der_len, const char *text,
                                  size_t len, const char *label)
{
    char begin[64], end[64], digits[PEM_DIGITS_MAX];
    size_t count = 0;
    snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
    snprintf(end, sizeof(end), "-----END %s-----", label);
    const char *at = find(text, len, begin);
    if (!at)
        return ERR_KEY_FORMAT;
    at += strlen(begin);
    const char *stop = find(at, len - (size_t)(at - text), end);
    if (!stop)
        return ERR_KEY_DAMAGED;
    for (; at < stop && count < sizeof(digits); at++)
        if (!memchr(" \t\r\n", *at, 4))
            digits[count++] = *at;
    int size = crypto_base64_decode(der, digits, count);
    crypto_wipe(digits, count);
    if (at < stop)
        return ERR_KEY_TYPE;
    *der_len = size > 0 ? (size_t)size : 0;
    return size > 0 ? OK : ERR_KEY_DAMAGED;
}

/*
 * The seed in an unencrypted PKCS#8 structure. Its second version (RFC 5958) differs from the
 * first in its length and its number, and has the public key behind the seed.
 */
static enum kith_error pkcs8_seed(uint8_t seed[static KEY_SIZE], const uint8_t *der, size_t len)
{
    const uint8_t *head = pkcs8_head;
    if (len >= sizeof(pkcs8_head) + KEY_SIZE && len < 0x80 && der[0] == head[0] &&
        der[1] == len - 2 && memcmp(der + 2, head + 2, 2) == 0 && der[4] <= 1 &&
        memcmp(der + 5, head + 5, sizeof(pkcs8_head) - 5) == 0) {
        memcpy(seed, der + sizeof(pkcs8_head), KEY_SIZE);
        return OK;
    }
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, (long)len);
    const ASN1_OBJECT *algorithm = NULL;
    bool other = info && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1 &&
                 OBJ_obj2nid(algorithm) != NID_ED25519;
    PKCS8_PRIV_KEY_INFO_free(info);
    return other ? ERR_KEY_TYPE : ERR_KEY_DAMAGED;
}

/* The seed in an encrypted one. */
static enum kith_error pkcs8_decrypt(uint8_t seed[static KEY_SIZE], const uint8_t *der, size_t len,
                                     crypto_passphrase *ask, void *context)
{
    char passphrase[PASSPHRASE_MAX];
    const X509_ALGOR *scheme = NULL;
    const ASN1_OCTET_STRING *sealed = NULL;
    unsigned char *plain = NULL;
    int plain_len = 0;
    X509_SIG *info = d2i_X509_SIG(NULL, &der, (long)len);
    if (!info)
        return ERR_KEY_DAMAGED;
    X509_SIG_get0(info, &scheme, &sealed);
    enum kith_error error = ERR_KEY_FORMAT; /* encrypted in a way that is not known here */
    int count = ask(passphrase, sizeof(passphrase), context);
    if (count < 0)
        error = ERR_KEY_NO_PASSPHRASE;
    else if (PKCS12_pbe_crypt(scheme, passphrase, count, ASN1_STRING_get0_data(sealed),
                              ASN1_STRING_length(sealed), &plain, &plain_len, 0))
        error = pkcs8_seed(seed, plain, (size_t)plain_len);
    else if (ERR_GET_REASON(ERR_peek_last_error()) == PKCS12_R_PKCS12_CIPHERFINAL_ERROR)
        error = ERR_KEY_PASSPHRASE;
    /* One in 256 wrong passphrases gets past the padding, and yields noise. */
    if (error == ERR_KEY_DAMAGED)
        error = ERR_KEY_PASSPHRASE;
    OPENSSL_clear_free(plain, (size_t)plain_len);
    crypto_wipe(passphrase, sizeof(passphrase));
    X509_SIG_free(info);
    return error;
}

enum kith_error crypto_pem_private(uint8_t seed[static KEY_SIZE], const char *text, size_t len,
                                   crypto_passphrase *ask, void *context)
{
    uint8_t der[DER_MAX];
    size_t der_len = 0;
    enum kith_error error = pem_decode(der, &der_len, text, len, "PRIVATE KEY");
    if (error == OK) {
        error = pkcs8_seed(seed, der, der_len);
    } else if (error == ERR_KEY_FORMAT) {
        error = pem_decode(der, &der_len, text, len, "ENCRYPTED PRIVATE KEY");
        if (error == OK)
            error = pkcs8_decrypt(seed, der, der_len, ask, context);
        else if (error == ERR_KEY_FORMAT && find(text, len, " PRIVATE KEY-----"))
            error = ERR_KEY_TYPE; /* RSA, EC or DSA in a form of their own */
    }
    crypto_wipe(der, sizeof(der));
    return result(error);
}

enum kith_error crypto_pem_public(uint8_t public_key[static KEY_SIZE], const char *text, size_t len)
{
    uint8_t der[DER_MAX];
    size_t der_len = 0;
    enum kith_error error = pem_decode(der, &der_len, text, len, "PUBLIC KEY");
    if (error != OK)
        return error == ERR_KEY_TYPE ? ERR_KEY_TYPE : ERR_KEY_FORMAT;
    if (der_len < sizeof(spki_head) || memcmp(der, spki_head, sizeof(spki_head)) != 0)
        return ERR_KEY_TYPE;
    if (der_len != sizeof(spki_head) + KEY_SIZE)
        return ERR_KEY_FORMAT;
    memcpy(public_key, der + sizeof(spki_head), KEY_SIZE);
    return OK;
}

enum kith_error crypto_pem_write(char out[static CRYPTO_PEM_SIZE],
                                 const uint8_t seed[static KEY_SIZE])
{
    uint8_t der[sizeof(pkcs8_head) + KEY_SIZE];
    char digits[sizeof(der) / 3 * 4 + 1];
    memcpy(der, pkcs8_head, sizeof(pkcs8_head));
    memcpy(der + sizeof(pkcs8_head), seed, KEY_SIZE);
    EVP_EncodeBlock((unsigned char *)digits, der, sizeof(der));
    snprintf(out, CRYPTO_PEM_SIZE, "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n",
             digits);
    crypto_wipe(der, sizeof(der));
    crypto_wipe(digits, sizeof(digits));
    return OK;
}
