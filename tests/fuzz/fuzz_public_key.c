/*
 * Public keys from any text: no byte outside it is read, a key that is found is a point and reads
 * back from its own hex, and its name is one.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "keys/public_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    uint8_t key[KEY_SIZE];
    uint8_t again[KEY_SIZE];
    char name[NAME_SIZE];
    char other[NAME_SIZE];
    char text[KEY_HEX_SIZE + NAME_SIZE];

    if (!started && crypto_start() != OK)
        abort();
    started = true;
    if (public_key_parse(key, name, (const char *)data, size) != OK)
        return 0;
    if (name[0] != '\0' && !name_check(name, strlen(name), NULL))
        abort();
    hex_encode(text, key, KEY_SIZE);
    strcat(strcat(text, " "), name);
    if (crypto_ed25519_check_point(key) != OK ||
        public_key_parse(again, other, text, strlen(text)) != OK ||
        memcmp(key, again, KEY_SIZE) != 0 || strcmp(name, other) != 0)
        abort();
    return 0;
}
