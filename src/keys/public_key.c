/*
 * Owns the forms that a public key comes in, and what a peer's name may be. It must never pass on
 * a key that has not been checked to be a point of the curve, and one not of low order.
 */
#include "keys/public_key.h"

#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "keys/openssh_key.h"
#include "keys/pem.h"
#include "keys/pkcs8.h"

/* Every blob begins with the length of a short string: three zero bytes. */
#define ANY_BLOB_BEGIN "AAAA"

static enum kith_error scan_openssh(uint8_t key[static KEY_SIZE], struct text type,
                                    struct text base64)
{
    enum kith_error error = OK;

    if (!text_equals(type, OPENSSH_ED25519))
        return text_starts(base64, ANY_BLOB_BEGIN) ? ERR_KEY_TYPE : ERR_KEY_FORMAT;
    error = openssh_public_key(key, base64);
    return error != OK ? error : crypto_ed25519_check_point(key);
}

enum kith_error public_key_scan(uint8_t key[static KEY_SIZE], const char *text, size_t len,
                                size_t *used)
{
    struct text rest = {text, len};
    struct text word = text_next_word(&rest);
    struct text base64 = {0};

    if (openssh_is_key_type(word)) {
        base64 = text_next_word(&rest);
        *used = (size_t)(base64.at - text) + base64.len;
        return scan_openssh(key, word, base64);
    }
    *used = (size_t)(word.at - text) + word.len;
    if (word.len != KEY_HEX_SIZE - 1 || !hex_decode(key, KEY_SIZE, word.at))
        return ERR_KEY_FORMAT;
    return crypto_ed25519_check_point(key);
}

static enum kith_error parse_pem(uint8_t key[static KEY_SIZE], struct text tidy)
{
    struct text label = {0};
    struct text body = {0};
    enum kith_error error = pem_open(&label, &body, tidy);

    if (error == ERR_KEY_FRAME)
        return error;
    if (text_ends(label, "PRIVATE KEY"))
        return ERR_KEY_PRIVATE;
    if (!text_ends(label, "PUBLIC KEY"))
        return ERR_KEY_FORMAT;
    if (!text_equals(label, "PUBLIC KEY"))
        return ERR_KEY_TYPE; /* RSA PUBLIC KEY: the form older than SubjectPublicKeyInfo */
    if (error == OK)
        error = pkcs8_public_key(key, body);
    return error != OK ? error : crypto_ed25519_check_point(key);
}

static enum kith_error parse_line(uint8_t key[static KEY_SIZE], char name[static NAME_SIZE],
                                  struct text tidy)
{
    struct text line = {0};
    size_t used = 0;
    enum kith_error error = OK;

    if (!text_next_line(&tidy, &line))
        return ERR_FILE_EMPTY;
    error = public_key_scan(key, line.at, line.len, &used);
    if (error != OK)
        return error;
    if (tidy.len > 0)
        return ERR_KEY_FORMAT;
    text_skip(&line, used);
    text_skip_blanks(&line);
    if (name_check(line.at, line.len, NULL)) {
        memcpy(name, line.at, line.len);
        name[line.len] = '\0';
    }
    return OK;
}

enum kith_error public_key_parse(uint8_t key[static KEY_SIZE], char name[static NAME_SIZE],
                                 const char *text, size_t len)
{
    char copy[KEY_FILE_MAX + 1];
    struct text tidy = {0};
    enum kith_error error = OK;

    name[0] = '\0';
    if (len > KEY_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    error = text_tidy(&tidy, copy, text, len, '#');
    if (error == OK && text_is_pem(tidy))
        error = parse_pem(key, tidy);
    else if (error == OK)
        error = parse_line(key, name, tidy);
    if (error == ERR_KEY_PRIVATE) /* what was copied is a secret after all */
        crypto_wipe(copy, sizeof(copy));
    return error;
}

bool name_check(const char *text, size_t len, struct problem *problem)
{
    const struct text name = {text, len};
    uint8_t key[KEY_SIZE];

    if (len == KEY_HEX_SIZE - 1 && hex_decode(key, KEY_SIZE, text))
        return problem_say(problem, "the name looks like a key");
    if (len == 0)
        return problem_say(problem, "the name is empty");
    if (len >= NAME_SIZE)
        return problem_say(problem, "the name is too long: 63 bytes at most");
    if (text[0] == '-')
        return problem_say(problem, "the name begins with \"-\"");
    if (text_fault(text, len) == TEXT_CONTROL)
        return problem_say(problem, "the name has a control character in it");
    if (text_fault(text, len) == TEXT_NO_UTF8)
        return problem_say(problem, "the name is not UTF-8");
    for (size_t i = 0; i < len; i++) {
        if (is_blank(text[i]))
            return problem_say(problem, "the name has a blank in it");
        if (strchr("/@:,#\"", text[i]) != NULL)
            return problem_say(problem, "the name has one of / @ : , # \" in it");
    }
    if (text_ends(name, ".pub"))
        return problem_say(problem, "the name ends in \".pub\", as files do");
    return true;
}

bool public_key_is_path(const char *path)
{
    return text_ends((struct text){path, strlen(path)}, ".pub");
}

void public_key_short(char out[static 9], const uint8_t key[static KEY_SIZE])
{
    hex_encode(out, key, 4);
}
