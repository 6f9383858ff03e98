/*
 * Owns the way from PEM to the bytes in it, which may be a secret. Must never judge what they are.
 */
#include "keys/pem.h"

#include <string.h>

#include "crypto/crypto.h"
#include "keys/key_file.h"

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define PEM_DASHES "-----"

bool text_is_pem(struct text text)
{
    return text_starts(text, PEM_DASHES);
}

/* Drop what was a line break: a real one, a blank, or a backslash and an n or r. */
static bool skip_break(struct text *text)
{
    size_t count = 0;

    if (text->len > 0 && memchr(" \t\r\n", text->at[0], 4) != NULL)
        count = 1;
    else if (text_starts(*text, "\\n") || text_starts(*text, "\\r"))
        count = 2;
    text_skip(text, count);
    return count > 0;
}

/* Move on to the first place where the text goes on with these words. */
static bool find_words(struct text *text, const char *words)
{
    while (text->len > 0 && !text_starts(*text, words))
        text_skip(text, 1);
    return text->len > 0;
}

/* A label has capitals, digits and blanks in it, and no line break. */
static bool is_label(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ')
            return false;
    }
    return text.len > 0;
}

enum kith_error pem_open(struct text *label, struct text *body, struct text tidy)
{
    struct text rest = tidy;

    if (!text_starts(rest, PEM_BEGIN))
        return ERR_KEY_FRAME;
    text_skip(&rest, strlen(PEM_BEGIN));
    label->at = rest.at;
    if (!find_words(&rest, PEM_DASHES))
        return ERR_KEY_FRAME;
    label->len = (size_t)(rest.at - label->at);
    if (!is_label(*label))
        return ERR_KEY_FRAME;
    text_skip(&rest, strlen(PEM_DASHES));
    body->at = rest.at;
    if (!find_words(&rest, PEM_END))
        return ERR_KEY_DAMAGED;
    body->len = (size_t)(rest.at - body->at);
    text_skip(&rest, strlen(PEM_END));
    if (rest.len < label->len || memcmp(rest.at, label->at, label->len) != 0)
        return ERR_KEY_DAMAGED;
    text_skip(&rest, label->len);
    if (!text_starts(rest, PEM_DASHES))
        return ERR_KEY_DAMAGED;
    text_skip(&rest, strlen(PEM_DASHES));
    while (skip_break(&rest))
        continue;
    return rest.len == 0 ? OK : ERR_KEY_FORMAT;
}

enum kith_error pem_decode(uint8_t *out, size_t size, size_t *len, struct text body)
{
    char digits[KEY_FILE_MAX];
    const size_t most = (size - 3) / 3 * 4;
    size_t count = 0;
    int decoded = 0;
    enum kith_error error = OK;

    while (error == OK && body.len > 0) {
        if (skip_break(&body))
            continue;
        if (count < most)
            digits[count++] = body.at[0];
        else
            error = ERR_FILE_TOO_LARGE;
        text_skip(&body, 1);
    }
    if (error == OK) {
        decoded = crypto_base64_decode(out, digits, count);
        error = decoded > 0 ? OK : ERR_KEY_DAMAGED;
    }
    *len = error == OK ? (size_t)decoded : 0;
    crypto_wipe(digits, count);
    return error;
}
