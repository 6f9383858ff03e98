/*
 * Every primitive that kith uses, on top of libcrypto. This file owns the algorithms it looks up,
 * which are only read once they are there; every other object lives for one call, or belongs to the
 * caller. It must never leave a secret behind in memory or an entry in libcrypto's error queue, and
 * it must never say what went wrong otherwise than by its return value.
 */
#define _DEFAULT_SOURCE /* getentropy */

#include "crypto/crypto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <sys/random.h>
#else
#include <unistd.h>
#endif

#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/proverr.h>

#include "crypto/provider.h"

#define ROOM (96u << 10) /* less than what malloc gives back to the system when it is freed */

static struct {
    OSSL_LIB_CTX *library; /* where what is among the offers below is found */
    EVP_MD *sha256;
    EVP_KDF *hkdf;
    EVP_CIPHER *chacha20_poly1305;
    /* These are looked up for libcrypto's own use of them: soon, and while a failure is seen. What
     * there was no memory for once, it never finds again. */
    EVP_SIGNATURE *ed25519;
    EVP_MD *sha512;
    EVP_KEYEXCH *x25519;
    EVP_MAC *hmac;
    EVP_PKEY_CTX *ed25519_maker; /* makes keys: else each would be looked up by its type's name */
    EVP_PKEY_CTX *x25519_maker;
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

/* What is looked up by kith alone. Hashes and HMAC are looked up by these, too: in the default
 * context, which has to have all of their kinds in any case. */
static const struct offer offers[] = {
    {OSSL_OP_SIGNATURE, "ED25519"}, {OSSL_OP_KEYMGMT, "ED25519"},
    {OSSL_OP_KEYMGMT, "X25519"},    {OSSL_OP_KEYEXCH, "X25519"},
    {OSSL_OP_KDF, "HKDF"},          {OSSL_OP_CIPHER, "ChaCha20-Poly1305"},
};

static EVP_PKEY_CTX *new_maker(const char *name)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(fetched.library, name, NULL);
    if (maker && EVP_PKEY_fromdata_init(maker) == 1)
        return maker;
    EVP_PKEY_CTX_free(maker);
    return NULL;
}

/* A default context that could not be made is used by libcrypto as if it had been, and crashes. */
static bool has_context(void)
{
    return OSSL_LIB_CTX_get0_global_default() != NULL;
}

/*
 * Out of memory while it begins, libcrypto may wait for itself for good: it would note that where
 * what it is just beginning is needed. What is free here is there for it.
 */
static bool has_room(void)
{
    void *volatile room = malloc(ROOM);
    bool there = room != NULL;

    free(room);
    return there;
}

enum kith_error crypto_start_keys(void)
{
    /* No configuration file, no tables of names: they would double the time of a start. No
     * clean-up at exit, which would pull libcrypto from under threads that still run. */
    const uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                             OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS |
                             OPENSSL_INIT_NO_ATEXIT;

    if (!has_room() || OPENSSL_init_crypto(options, NULL) != 1)
        return ERR_MEMORY;
    /* This begins the thread's account of errors, while there is room: libcrypto 3.6, where it has
     * no memory for one, would note that in it, and so on until its stack ends. The threads of a
     * daemon begin none of their own: a KiB each. */
    ERR_clear_error();
    if (has_context() && !fetched.sha256) {
        fetched.library = crypto_provider_start(offers, sizeof(offers) / sizeof(offers[0]));
        fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        fetched.ed25519 = EVP_SIGNATURE_fetch(fetched.library, "ED25519", NULL);
        fetched.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
        fetched.ed25519_maker = new_maker("ED25519");
    }
    return result_of(fetched.sha256 && fetched.ed25519 && fetched.sha512 && fetched.ed25519_maker);
}

enum kith_error crypto_start(void)
{
    enum kith_error error = crypto_start_keys();

    if (error != OK)
        return error;
    fetched.hkdf = EVP_KDF_fetch(fetched.library, "HKDF", NULL);
    fetched.chacha20_poly1305 = EVP_CIPHER_fetch(fetched.library, "ChaCha20-Poly1305", NULL);
    fetched.x25519 = EVP_KEYEXCH_fetch(fetched.library, "X25519", NULL);
    fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    fetched.x25519_maker = new_maker("X25519");
    return result_of(fetched.hkdf && fetched.chacha20_poly1305 && fetched.x25519 && fetched.hmac &&
                     fetched.x25519_maker);
}

/*
 * What copied a secret last may still have it in its vector registers, which the next signal lays
 * down on the stack: those that our code uses, and those that the C library's memcpy does.
 */
static void wipe_registers(void)
{
    static const uint8_t zero[256];
    static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    uint8_t unused[sizeof(zero)];
    (void)copy(unused, zero, sizeof(zero));
#if defined(__x86_64__)
    __asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm2, %%xmm2;"
                     "pxor %%xmm3, %%xmm3; pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5;"
                     "pxor %%xmm6, %%xmm6; pxor %%xmm7, %%xmm7" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
#endif
}

void crypto_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
    wipe_registers();
}

/*
 * The assembler of libcrypto lays a key down on the stack, and so does its scrypt, and leave it
 * there: where the next call writes over it, if there is one. Wiped is more than they use.
 */
__attribute__((noinline)) void crypto_wipe_stack(void)
{
    uint8_t used[8192];
    crypto_wipe(used, sizeof(used));
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/*
 * Not libcrypto's generator: that needs a cipher of its own, so all of them (crypto/provider.c),
 * and each thread would keep one, for 32 bytes a handshake.
 */
enum kith_error crypto_random(void *out, size_t len)
{
    return result_of(getentropy(out, len) == 0);
}

void crypto_keep_secrets(void)
{
    const size_t room = 4096, least = 32;
    CRYPTO_secure_malloc_init(room, least);
    ERR_clear_error();
}

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
static OSSL_PARAM octets(const char *name, const void *bytes, size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, len);
}

/*
 * One step of HKDF: its mode, and the two parameters that go with it. Each in a context of its own,
 * since libcrypto 3.0 crashes when an info is followed by an empty one.
 */
static bool hkdf(int mode, OSSL_PARAM first, OSSL_PARAM second, uint8_t out[static HASH_SIZE])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        first,
        second,
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(fetched.hkdf);
    bool good = context && EVP_KDF_derive(context, out, HASH_SIZE, params) == 1;
    EVP_KDF_CTX_free(context);
    return good;
}

enum kith_error crypto_hkdf(const struct derived_key *keys, size_t count, const uint8_t *salt,
                            size_t salt_len, const uint8_t *secret, size_t secret_len)
{
    uint8_t prk[HASH_SIZE];
    bool good = hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, octets(OSSL_KDF_PARAM_KEY, secret, secret_len),
                     octets(OSSL_KDF_PARAM_SALT, salt, salt_len), prk);
    for (size_t i = 0; good && i < count; i++)
        good = hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, octets(OSSL_KDF_PARAM_KEY, prk, sizeof(prk)),
                    octets(OSSL_KDF_PARAM_INFO, keys[i].info, strlen(keys[i].info)), keys[i].key);
    crypto_wipe(prk, sizeof(prk));
    return result_of(good);
}

/* Guards the makers of keys. libcrypto only reads them, but does not promise that. */
static pthread_mutex_t makers_lock = PTHREAD_MUTEX_INITIALIZER;

/* Make a key of its parts; NULL on failure. */
static EVP_PKEY *make_key(EVP_PKEY_CTX *maker, int selection, OSSL_PARAM *parts)
{
    EVP_PKEY *key = NULL;
    (void)pthread_mutex_lock(&makers_lock);
    if (EVP_PKEY_fromdata(maker, &key, selection, parts) != 1)
        key = NULL;
    (void)pthread_mutex_unlock(&makers_lock);
    return key;
}

static EVP_PKEY *make_public(EVP_PKEY_CTX *maker, const uint8_t public_key[static KEY_SIZE])
{
    OSSL_PARAM parts[] = {
        octets(OSSL_PKEY_PARAM_PUB_KEY, public_key, KEY_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return make_key(maker, EVP_PKEY_PUBLIC_KEY, parts);
}

/*
 * libcrypto wants a secret's public key beside it, and would compute what is missing. That takes
 * longer than the exchange, which does not look at it: any bytes do.
 */
static EVP_PKEY *x25519_secret(const uint8_t secret[static KEY_SIZE])
{
    static const uint8_t unused[KEY_SIZE];
    OSSL_PARAM parts[] = {
        octets(OSSL_PKEY_PARAM_PRIV_KEY, secret, KEY_SIZE),
        octets(OSSL_PKEY_PARAM_PUB_KEY, unused, KEY_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return make_key(fetched.x25519_maker, EVP_PKEY_KEYPAIR, parts);
}

enum kith_error crypto_x25519(uint8_t shared[static KEY_SIZE],
                              const uint8_t secret[static KEY_SIZE],
                              const uint8_t peer_public[static KEY_SIZE])
{
    static const uint8_t zero[KEY_SIZE];
    EVP_PKEY *own = x25519_secret(secret);
    EVP_PKEY *peer = make_public(fetched.x25519_maker, peer_public);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new_from_pkey(fetched.library, own, NULL) : NULL;
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

/* Here libcrypto computes the public key, which a signature needs. */
static EVP_PKEY *ed25519_secret(const uint8_t seed[static KEY_SIZE])
{
    OSSL_PARAM parts[] = {
        octets(OSSL_PKEY_PARAM_PRIV_KEY, seed, KEY_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return make_key(fetched.ed25519_maker, EVP_PKEY_KEYPAIR, parts);
}

enum kith_error crypto_ed25519_public(uint8_t public_key[static KEY_SIZE],
                                      const uint8_t seed[static KEY_SIZE])
{
    EVP_PKEY *key = ed25519_secret(seed);
    size_t len = KEY_SIZE;
    bool good = key && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    return result_of(good);
}

/* A struct crypto_signer is libcrypto's context under our name. */
struct crypto_signer *crypto_signer_new(const uint8_t seed[static KEY_SIZE])
{
    EVP_PKEY *made = ed25519_secret(seed);
    EVP_PKEY *key = made ? EVP_PKEY_dup(made) : NULL; /* only a copy gets into locked memory */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key && context &&
                EVP_DigestSignInit_ex(context, NULL, NULL, fetched.library, NULL, key, NULL) == 1;
    EVP_PKEY_free(key); /* the context has its own hold on it */
    EVP_PKEY_free(made);
    if (good)
        return (struct crypto_signer *)context;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return NULL;
}

void crypto_signer_free(struct crypto_signer *signer)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)signer);
}

enum kith_error crypto_signer_sign(struct crypto_signer *signer,
                                   uint8_t signature[static SIGNATURE_SIZE], const uint8_t *message,
                                   size_t len)
{
    EVP_MD_CTX *context = (EVP_MD_CTX *)signer;
    size_t size = SIGNATURE_SIZE;
    /* From version 3.4 a context signs once. To begin anew without a key keeps the one it has. */
    return result_of(EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, NULL, NULL) == 1 &&
                     EVP_DigestSign(context, signature, &size, message, len) == 1);
}

enum kith_error crypto_ed25519_verify(const uint8_t signature[static SIGNATURE_SIZE],
                                      const uint8_t key[static KEY_SIZE], const uint8_t *message,
                                      size_t len)
{
    EVP_PKEY *signer = make_public(fetched.ed25519_maker, key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready =
        signer && context &&
        EVP_DigestVerifyInit_ex(context, NULL, NULL, fetched.library, NULL, signer, NULL) == 1;
    bool good = ready && EVP_DigestVerify(context, signature, SIGNATURE_SIZE, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(signer);
    return result(good ? OK : ready ? ERR_SIGNATURE : ERR_CRYPTO);
}

/* Points of edwards25519: -x^2 + y^2 = 1 + d x^2 y^2 modulo p. */

static const char curve_p[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
static const char curve_d[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

/*
 * The top bit is the sign of x. With s = y^2, u = s - 1 and v = d s + 1, the equation says that
 * x^2 is u / v. v is never 0, so there is such an x, and it is not 0, if and only if u v is a
 * square and not 0. The order divides 8 if x = 0 (orders 1 and 2), if y = 0 (order 4), or if
 * doubling leads to y = 0, from x^2 + y^2 = 0, that is u + v s = 0 (order 8).
 *
 * Of mixed order, the sum of such a point and one of the prime order, a key is taken: to find it
 * would need a multiple of the point, which libcrypto does not offer, and nobody gains by one. A
 * peer is the bytes of its key, and libcrypto verifies without the cofactor, so that the few of
 * its signatures that are right are those of whoever has the secret.
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

/* ChaCha20-Poly1305: a struct crypto_aead is libcrypto's context under our name. */

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
    crypto_wipe_stack();
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
