/*
 * One of libcrypto's ciphers without the others. Only crypto/crypto.c includes this.
 */
#ifndef KITH_CIPHER_H
#define KITH_CIPHER_H

#include <openssl/types.h>

/*
 * What EVP_CIPHER_fetch returns for the name; NULL if there is none such. Once, before any thread
 * starts. What this sets up stays until the process ends.
 */
EVP_CIPHER *crypto_cipher_fetch(const char *name);

#endif
