/*
 * Owns a provider (see provider(7) of OpenSSL) that offers a few algorithms of the default
 * provider's. When a program asks for one, libcrypto makes objects of all that a provider offers of
 * its operation: some 130 for a cipher, which took a sixth of the whole life of a call that carries
 * one byte. It must never implement anything: every function it hands out is the default
 * provider's.
 */
#include "crypto/provider.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

static OSSL_PROVIDER *whole; /* the default provider */

/* Its entries for what is offered of each operation, and the end of each list. */
static OSSL_ALGORITHM offered[OSSL_OP__HIGHEST + 1][OFFERED_MAX + 1];

/* Whether a list of names, with colons between, begins with this one. */
static int is_first(const char *names, const char *name)
{
    size_t len = strcspn(names, ":");
    return len == strlen(name) && strncasecmp(names, name, len) == 0;
}

/* Store the default provider's entry for it, at the end of the list; 1 if there is one. */
static int choose(const struct offer *offer)
{
    int no_cache = 0;
    OSSL_ALGORITHM *place = offered[offer->operation];
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, offer->operation, &no_cache);
    while (place->algorithm_names)
        place++;
    for (; all && all->algorithm_names; all++) {
        if (is_first(all->algorithm_names, offer->name)) {
            *place = *all;
            return 1;
        }
    }
    return 0;
}

static int choose_all(const struct offer *offers, size_t count)
{
    memset(offered, 0, sizeof(offered));
    for (size_t i = 0; i < count; i++)
        if (!choose(&offers[i]))
            return 0;
    return 1;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    return operation <= OSSL_OP__HIGHEST ? offered[operation] : NULL;
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

OSSL_LIB_CTX *crypto_provider_start(const struct offer *offers, size_t count)
{
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    whole = OSSL_PROVIDER_load(NULL, "default");
    if (library && whole && choose_all(offers, count) &&
        OSSL_PROVIDER_add_builtin(library, "few", provider_begin) == 1 &&
        OSSL_PROVIDER_load(library, "few"))
        return library;
    ERR_clear_error();
    OSSL_LIB_CTX_free(library);
    return NULL; /* another libcrypto may order its names otherwise */
}
