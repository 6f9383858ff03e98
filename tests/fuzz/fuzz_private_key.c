/*
 * Private keys from any text: no byte outside it is read, and a seed that is found is the one that
 * its own hex says.
 */
#include <stdlib.h>

#include "keys/private_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_passphrase(char *out, int size, void *context)
{
    (void)out;
    (void)size;
    (void)context;
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    uint8_t seed[KEY_SIZE];
    uint8_t again[KEY_SIZE];
    char hex[KEY_HEX_SIZE];

    if (!started && crypto_start() != OK)
        abort();
    started = true;
    if (private_key_parse(seed, (const char *)data, size, no_passphrase, NULL) != OK)
        return 0;
    hex_encode(hex, seed, KEY_SIZE);
    if (private_key_parse(again, hex, sizeof hex - 1, no_passphrase, NULL) != OK ||
        !crypto_equal(seed, again, KEY_SIZE))
        abort();
    return 0;
}
