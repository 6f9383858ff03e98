/*
 * What comes from the provider of crypto/provider.h, and what does not.
 */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/provider.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The name of this cipher's provider, where it is offered beside Ed25519, or "none". */
static const char *provider_of(const char *cipher_name, const char *asked)
{
    const struct offer offers[] = {{OSSL_OP_SIGNATURE, "ED25519"}, {OSSL_OP_CIPHER, cipher_name}};
    /* Until the end, as crypto/crypto.c keeps its own; volatile so that they are kept in memory. */
    static OSSL_LIB_CTX *volatile library[8];
    static EVP_CIPHER *volatile kept[8];
    static size_t count;
    library[count] = crypto_provider_start(offers, COUNT(offers));
    EVP_CIPHER *cipher = kept[count] = EVP_CIPHER_fetch(library[count], asked, NULL);
    count++;
    return cipher ? OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(cipher)) : "none";
}

static void test_provider(void)
{
    const char chacha20[] = "ChaCha20-Poly1305", aes[] = "AES-256-GCM";
    CHECK(strcmp(provider_of(chacha20, chacha20), "few") == 0, "a cipher comes from the few");
    CHECK(strcmp(provider_of(chacha20, aes), "none") == 0, "a cipher comes without others");
    CHECK(strcmp(provider_of("id-aes256-GCM", aes), "default") == 0,
          "a second name is found where all ciphers are");
    CHECK(strcmp(provider_of("ChaCha20-Poly", chacha20), "default") == 0,
          "the beginning of a name is no name");
    CHECK(strcmp(provider_of("no such", "no such"), "none") == 0,
          "what does not exist is not found");
}

int main(void)
{
    CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1, "without a file of its own");
    test_provider();
    return tap_done();
}
