/*
 * Owns the reading of text in lines and words. It must never look at a byte outside the text it
 * was given, nor judge what a key is.
 */
#include "key_text.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "key_file.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define PEM_DASHES "-----"

struct text text_of(const char *bytes, size_t len)
{
    struct text text = {bytes, len};

    if (text_starts(text, BYTE_ORDER_MARK))
        text_skip(&text, strlen(BYTE_ORDER_MARK));
    return text;
}

bool text_equals(struct text text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.at, other, text.len) == 0;
}

bool text_starts(struct text text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.at, prefix, len) == 0;
}

bool text_ends(struct text text, const char *suffix)
{
    size_t len = strlen(suffix);

    return text.len >= len && memcmp(text.at + text.len - len, suffix, len) == 0;
}

void text_skip(struct text *text, size_t count)
{
    text->at += count;
    text->len -= count;
}

void text_skip_blanks(struct text *text)
{
    while (text->len > 0 && is_blank(text->at[0]))
        text_skip(text, 1);
}

bool text_next_line(struct text *text, struct text *line)
{
    const char *end = NULL;

    if (text->len == 0)
        return false;
    end = memchr(text->at, '\n', text->len);
    *line = (struct text){text->at, end != NULL ? (size_t)(end - text->at) : text->len};
    text_skip(text, line->len + (end != NULL ? 1 : 0));
    while (line->len > 0 && (is_blank(line->at[line->len - 1]) || line->at[line->len - 1] == '\r'))
        line->len--;
    text_skip_blanks(line);
    return true;
}

struct text text_next_word(struct text *text)
{
    struct text word = {0};

    text_skip_blanks(text);
    word.at = text->at;
    while (word.len < text->len && !is_blank(text->at[word.len]))
        word.len++;
    text_skip(text, word.len);
    text_skip_blanks(text);
    return word;
}

bool text_next_part(struct text *text, char separator, struct text *part)
{
    const char *end = NULL;

    if (text->at == NULL)
        return false;
    end = text->len > 0 ? memchr(text->at, separator, text->len) : NULL;
    if (end == NULL) {
        *part = *text;
        *text = (struct text){0};
        return true;
    }
    *part = (struct text){text->at, (size_t)(end - text->at)};
    text_skip(text, part->len + 1);
    return true;
}

enum kith_error text_tidy(struct text *tidy, char *out, const char *bytes, size_t len, char comment)
{
    struct text rest = text_of(bytes, len);
    struct text line = {0};
    size_t used = 0;

    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return ERR_FILE_NUL;
    while (text_next_line(&rest, &line)) {
        if (line.len == 0 || line.at[0] == comment)
            continue;
        memcpy(out + used, line.at, line.len);
        used += line.len;
        out[used++] = '\n';
    }
    *tidy = (struct text){out, used};
    return used > 0 ? OK : ERR_FILE_EMPTY;
}

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
static bool find(struct text *text, const char *words)
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
    if (!find(&rest, PEM_DASHES))
        return ERR_KEY_FRAME;
    label->len = (size_t)(rest.at - label->at);
    if (!is_label(*label))
        return ERR_KEY_FRAME;
    text_skip(&rest, strlen(PEM_DASHES));
    body->at = rest.at;
    if (!find(&rest, PEM_END))
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
