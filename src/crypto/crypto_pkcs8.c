/*
 * Owns what of PKCS#8 takes an algorithm of libcrypto, or its names of all of them. Must never
 * leave a passphrase or a decrypted key behind, nor compute for as long as a file wants.
 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#define PASSPHRASE_MAX 1024
#define ROUNDS_MAX 10000000           /* of a hash: some seconds */
#define SCRYPT_MAX (INT64_C(1) << 24) /* of its N * r * p, which take as long */

bool crypto_pkcs8_is_other(const uint8_t *der, size_t len)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, (long)len);
    const ASN1_OBJECT *algorithm = NULL;
    bool other = info && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1 &&
                 OBJ_obj2nid(algorithm) != NID_ED25519;
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    return other;
}

/* A number from 1 to most; 0 if it is none of them. */
static int64_t number_up_to(int64_t most, const ASN1_INTEGER *integer)
{
    int64_t value = 0;
    if (!integer || ASN1_INTEGER_get_int64(&value, integer) != 1 || value < 1 || value > most)
        return 0;
    return value;
}

static bool is_modest_scrypt(const SCRYPT_PARAMS *params)
{
    int64_t n = number_up_to(SCRYPT_MAX, params->costParameter);
    int64_t r = number_up_to(SCRYPT_MAX, params->blockSize);
    int64_t p = number_up_to(SCRYPT_MAX, params->parallelizationParameter);
    return n > 0 && r > 0 && p > 0 && n <= SCRYPT_MAX / r && n * r <= SCRYPT_MAX / p;
}

/* How a key is made of the passphrase in the second version of PKCS#5 (RFC 8018, RFC 7914). */
static bool is_modest_derivation(const X509_ALGOR *derivation)
{
    PBKDF2PARAM *pbkdf2 = NULL;
    SCRYPT_PARAMS *scrypt = NULL;
    bool modest = true;
    switch (OBJ_obj2nid(derivation->algorithm)) {
    case NID_id_pbkdf2:
        pbkdf2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), derivation->parameter);
        modest = !pbkdf2 || number_up_to(ROUNDS_MAX, pbkdf2->iter) > 0;
        PBKDF2PARAM_free(pbkdf2);
        break;
    case NID_id_scrypt:
        scrypt = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), derivation->parameter);
        modest = !scrypt || is_modest_scrypt(scrypt);
        SCRYPT_PARAMS_free(scrypt);
        break;
    }
    return modest;
}

/*
 * Whether a scheme takes no longer than we would wait. What is not understood here is not
 * understood by libcrypto either, and costs nothing.
 */
static bool is_modest(const X509_ALGOR *scheme)
{
    bool modest = true;
    if (OBJ_obj2nid(scheme->algorithm) == NID_pbes2) {
        PBE2PARAM *second = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), scheme->parameter);
        modest = !second || is_modest_derivation(second->keyfunc);
        PBE2PARAM_free(second);
    } else {
        PBEPARAM *first = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), scheme->parameter);
        modest = !first || number_up_to(ROUNDS_MAX, first->iter) > 0;
        PBEPARAM_free(first);
    }
    return modest;
}

enum kith_error crypto_pkcs8_decrypt(uint8_t *plain, size_t *plain_len, const uint8_t *der,
                                     size_t len, crypto_passphrase *ask, void *context)
{
    char passphrase[PASSPHRASE_MAX];
    const X509_ALGOR *scheme = NULL;
    const ASN1_OCTET_STRING *sealed = NULL;
    unsigned char *opened = NULL;
    int opened_len = 0, count = 0;
    X509_SIG *info = d2i_X509_SIG(NULL, &der, (long)len);
    enum kith_error error = ERR_KEY_FORMAT; /* encrypted in a way that is not known here */
    *plain_len = 0;
    if (!info) {
        ERR_clear_error();
        return ERR_KEY_DAMAGED;
    }
    X509_SIG_get0(info, &scheme, &sealed);
    if (!is_modest(scheme))
        error = ERR_KEY_COSTLY;
    else if ((count = ask(passphrase, sizeof(passphrase), context)) < 0)
        error = ERR_KEY_NO_PASSPHRASE;
    else if (PKCS12_pbe_crypt(scheme, passphrase, count, ASN1_STRING_get0_data(sealed),
                              ASN1_STRING_length(sealed), &opened, &opened_len, 0))
        error = (size_t)opened_len <= len ? OK : ERR_KEY_FORMAT; /* no cipher adds to its input */
    else if (ERR_GET_REASON(ERR_peek_last_error()) == PKCS12_R_PKCS12_CIPHERFINAL_ERROR)
        error = ERR_KEY_PASSPHRASE;
    if (error == OK && opened_len > 0) {
        memcpy(plain, opened, (size_t)opened_len);
        *plain_len = (size_t)opened_len;
    }
    OPENSSL_clear_free(opened, (size_t)opened_len);
    crypto_wipe(passphrase, sizeof(passphrase));
    crypto_wipe_stack();
    X509_SIG_free(info);
    ERR_clear_error();
    return error;
}
