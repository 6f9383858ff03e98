/*
 * Some of libcrypto's algorithms without the others. Only crypto/crypto.c includes this.
 */
#ifndef KITH_PROVIDER_H
#define KITH_PROVIDER_H

#include <stddef.h>

#include <openssl/types.h>

#define OFFERED_MAX 2 /* of one operation */

/* What a program asks for: one of OSSL_OP_..., and the first name that OpenSSL has for it. */
struct offer {
    int operation;
    const char *name;
};

/*
 * A context of libcrypto that knows these and nothing else. What they look up for themselves, they
 * find in its default context. NULL, which is that context, if one of them is not found. Once,
 * before any thread starts; it stays until the process ends. At most OFFERED_MAX of an operation.
 */
OSSL_LIB_CTX *crypto_provider_start(const struct offer *offers, size_t count);

#endif
