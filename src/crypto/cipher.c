/*
 * Owns a provider (see provider(7) of OpenSSL) that offers one cipher of the default provider's.
 * When a program asks for a cipher, libcrypto makes objects of all that a provider offers: some 130
 * of them, which took a sixth of the whole life of a call that carries one byte. It must never
 * implement anything: every function it hands out is the default provider's.
 */
#include "crypto/cipher.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

static OSSL_PROVIDER *whole;      /* the default provider */
static OSSL_ALGORITHM offered[2]; /* its entry for the cipher, and the end of the list */

/* Whether a list of names, with colons between, begins with this one. */
static int is_first(const char *names, const char *name)
{
    size_t len = strcspn(names, ":");
    return len == strlen(name) && strncasecmp(names, name, len) == 0;
}

/* Store the entry of the default provider's table; 1 if there is one. */
static int choose(const char *name)
{
    int no_cache = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, OSSL_OP_CIPHER, &no_cache);
    for (; all && all->algorithm_names; all++) {
        if (is_first(all->algorithm_names, name)) {
            offered[0] = *all;
            return 1;
        }
    }
    return 0;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    return operation == OSSL_OP_CIPHER ? offered : NULL;
}

/* The functions get the context that they know, the default provider's. */
static int provider_begin(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                          const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {0, NULL},
    };
    (void)core;
    (void)in;
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

EVP_CIPHER *crypto_cipher_fetch(const char *name)
{
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    EVP_CIPHER *cipher = NULL;
    whole = OSSL_PROVIDER_load(NULL, "default");
    if (library && whole && choose(name) &&
        OSSL_PROVIDER_add_builtin(library, "one", provider_begin) == 1 &&
        OSSL_PROVIDER_load(library, "one"))
        cipher = EVP_CIPHER_fetch(library, name, NULL);
    if (cipher)
        return cipher;
    ERR_clear_error();
    OSSL_LIB_CTX_free(library);
    return EVP_CIPHER_fetch(NULL, name, NULL); /* another libcrypto may order its names otherwise */
}
