/*
 * Public keys from any text: no byte outside it is read, a key that is found is a point and reads
 * back from its own hex, and its name is one.
 *
 * A first byte of 1 or 2 says that the rest is what stands in PEM or in a line of OpenSSH, before
 * base64.
 *
 * Targets: keys/public_key, keys/openssh_key, keys/pkcs8, keys/pem.
 */
#include "crypto/crypto.h"
#include "fuzz.h"
#include "keys/public_key.h"

#define DER_MAX 4096

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    demand(crypto_start() == OK);
    return 0;
}

static void check_again(const uint8_t key[static KEY_SIZE], const char *name)
{
    uint8_t again[KEY_SIZE];
    char other[NAME_SIZE], text[KEY_HEX_SIZE + NAME_SIZE];

    demand(crypto_ed25519_check_point(key) == OK);
    demand(name[0] == '\0' || name_check(name, strlen(name), NULL));
    hex_encode(text, key, KEY_SIZE);
    strcat(strcat(text, " "), name);
    demand(public_key_parse(again, other, text, strlen(text)) == OK);
    demand(memcmp(key, again, KEY_SIZE) == 0 && strcmp(name, other) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char digits[(DER_MAX + 2) / 3 * 4 + 1], text[sizeof(digits) + 100];
    const char *from = (const char *)data;
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];

    if (size > 0 && data[0] >= 1 && data[0] <= 2 && size <= DER_MAX) {
        crypto_base64_encode(digits, data + 1, size - 1);
        size = (size_t)snprintf(text, sizeof(text),
                                data[0] == 1
                                    ? "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n"
                                    : "ssh-ed25519 %s name\n",
                                digits);
        from = text;
    }
    if (public_key_parse(key, name, from, size) == OK)
        check_again(key, name);
    return 0;
}
