/*
 * Owns the reading of text in lines and words. It must never look at a byte outside the text it
 * was given, nor judge what a key is.
 */
#include "base/text.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

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

size_t text_character(uint32_t *character, const char *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    size_t count = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t value = count == 1 ? first : first & (0x7fu >> count);

    if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || count > len)
        return 0;
    for (size_t i = 1; i < count; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (value < least[count] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return count;
}

/*
 * What steers a terminal (ASCII's and C1), breaks the line (U+2028, U+2029), or has the text around
 * it read in another order than it was written in (UAX 9).
 */
static bool is_control(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    }
    return false;
}

enum text_fault text_fault(const char *text, size_t len)
{
    uint32_t character = 0;
    size_t used;

    for (size_t at = 0; at < len; at += used) {
        used = text_character(&character, text + at, len - at);
        if (used == 0)
            return TEXT_NO_UTF8;
        if (is_control(character))
            return TEXT_CONTROL;
    }
    return TEXT_FINE;
}

bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

size_t text_folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

bool text_folder(char *out, size_t size, const char *path)
{
    size_t len = text_folder_len(path);
    struct text folder = len > 0 ? (struct text){path, len} : (struct text){".", 1};

    if (folder.len >= size)
        return false;
    memcpy(out, folder.at, folder.len);
    out[folder.len] = '\0';
    return true;
}

bool text_is_number(const char *string)
{
    return string[0] != '\0' && string[strspn(string, "0123456789")] == '\0';
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
