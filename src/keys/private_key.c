/*
 * Owns the telling apart of the forms that a private key comes in. It must never leave a copy of
 * the key in memory, nor take a key of another kind for a seed.
 */
#include "keys/private_key.h"

#include "base/text.h"
#include "keys/key_file.h"
#include "keys/openssh_key.h"
#include "keys/pem.h"
#include "keys/pkcs8.h"

/* PEM, by its label. */
static enum kith_error parse_pem(uint8_t seed[static KEY_SIZE], struct text tidy,
                                 crypto_passphrase *ask, void *context)
{
    struct text label = {0};
    struct text body = {0};
    enum kith_error error = pem_open(&label, &body, tidy);
    bool openssh = text_equals(label, "OPENSSH PRIVATE KEY");
    bool plain = text_equals(label, "PRIVATE KEY");
    bool encrypted = text_equals(label, "ENCRYPTED PRIVATE KEY");

    if (error == ERR_KEY_FRAME)
        return error;
    if (text_ends(label, "PUBLIC KEY"))
        return ERR_KEY_PUBLIC;
    if (!openssh && !plain &&
        !encrypted) /* RSA, EC, DSA PRIVATE KEY: the forms older than PKCS#8 */
        return text_ends(label, " PRIVATE KEY") ? ERR_KEY_TYPE : ERR_KEY_FORMAT;
    if (error != OK)
        return error;
    if (openssh)
        return openssh_private_key(seed, body);
    if (encrypted)
        return pkcs8_encrypted_key(seed, body, ask, context);
    return pkcs8_private_key(seed, body);
}

/* A line of 64 hex digits; with a name after it is what kith writes a public key as. */
static enum kith_error parse_line(uint8_t seed[static KEY_SIZE], struct text tidy)
{
    struct text line = {0};
    struct text word = {0};

    if (!text_next_line(&tidy, &line))
        return ERR_FILE_EMPTY;
    word = text_next_word(&line);
    if (openssh_is_key_type(word))
        return ERR_KEY_PUBLIC;
    if (word.len != KEY_HEX_SIZE - 1 || !hex_decode(seed, KEY_SIZE, word.at))
        return ERR_KEY_FORMAT;
    if (line.len > 0)
        return ERR_KEY_PUBLIC;
    return tidy.len == 0 ? OK : ERR_KEY_FORMAT;
}

enum kith_error private_key_parse(uint8_t seed[static KEY_SIZE], const char *text, size_t len,
                                  crypto_passphrase *ask, void *context)
{
    char copy[KEY_FILE_MAX + 1];
    struct text tidy = {0};
    enum kith_error error = OK;

    if (len > KEY_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    error = text_tidy(&tidy, copy, text, len, '\0');
    if (error == OK && text_is_pem(tidy))
        error = parse_pem(seed, tidy, ask, context);
    else if (error == OK)
        error = parse_line(seed, tidy);
    if (error != OK)
        crypto_wipe(seed, KEY_SIZE);
    crypto_wipe(copy, sizeof(copy));
    return error;
}
