/*
 * Private keys from any text: no byte outside it is read, and a seed that is found is the one that
 * its own hex says, and is written and read again as PEM.
 *
 * A first byte of 1 to 3 says that the rest is what stands in PEM of that kind, before base64; 3 is
 * encrypted, and its passphrase is known.
 *
 * Targets: keys/private_key, keys/pkcs8, keys/openssh_key, keys/ssh_reader, keys/pem,
 * crypto/crypto_pkcs8.
 */
#include "crypto/crypto.h"
#include "fuzz.h"
#include "keys/key_file.h"
#include "keys/pem.h"
#include "keys/pkcs8.h"
#include "keys/private_key.h"

#define DER_MAX 4096

static const char *const labels[] = {NULL, "PRIVATE KEY", "OPENSSH PRIVATE KEY",
                                     "ENCRYPTED PRIVATE KEY"};

/* What is put around it, and who asks for its passphrase. */
struct framed {
    const uint8_t *der;
    size_t len;
};

/*
 * The passphrase of the seeds, unless the derivation would take long, which is none of our matter
 * here: two rounds of a hash are "02 01 02".
 */
static int ask(char *out, int size, void *context)
{
    static const uint8_t two_rounds[] = {2, 1, 2};
    const struct framed *framed = context;

    for (size_t i = 0; i + sizeof(two_rounds) <= framed->len; i++) {
        if (memcmp(framed->der + i, two_rounds, sizeof(two_rounds)) == 0)
            return snprintf(out, (size_t)size, "passphrase");
    }
    return -1;
}

/* Returns the text's length. */
static size_t frame(char *out, size_t size, const char *label, const struct framed *framed)
{
    static char digits[(DER_MAX + 2) / 3 * 4 + 1];

    crypto_base64_encode(digits, framed->der, framed->len);
    return (size_t)snprintf(out, size, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, digits,
                            label);
}

static void check_again(const uint8_t seed[static KEY_SIZE], const char *text)
{
    uint8_t again[KEY_SIZE];

    demand(private_key_parse(again, text, strlen(text), ask, &(struct framed){NULL, 0}) == OK);
    demand(crypto_equal(seed, again, KEY_SIZE));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    demand(crypto_start() == OK);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[DER_MAX * 2];
    static const uint8_t zero[KEY_SIZE];
    struct framed framed = {data, size};
    uint8_t seed[KEY_SIZE] = {1};
    char hex[KEY_HEX_SIZE], pem[PKCS8_PEM_SIZE];
    const char *from = (const char *)data;

    if (size > 0 && data[0] >= 1 && data[0] <= 3 && size <= DER_MAX) {
        framed = (struct framed){data + 1, size - 1};
        size = frame(text, sizeof(text), labels[data[0]], &framed);
        from = text;
    }
    if (private_key_parse(seed, from, size, ask, &framed) != OK) {
        demand(memcmp(seed, zero, KEY_SIZE) == 0 || size > KEY_FILE_MAX);
        return 0;
    }
    hex_encode(hex, seed, KEY_SIZE);
    check_again(seed, hex);
    pkcs8_write(pem, seed);
    check_again(seed, pem);
    return 0;
}
