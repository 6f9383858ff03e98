/*
 * Owns how a text is shown. Must never show a byte that steers a terminal, nor cut an escape.
 */
#include "base/escape.h"

#include <string.h>

bool text_is_shown(char byte)
{
    return byte >= 0x20 && byte <= 0x7e && byte != '\\';
}

static size_t escaped_width(char byte)
{
    return text_is_shown(byte) ? 1 : sizeof("\\xNN") - 1;
}

static const char cut_mark[] = "...";

size_t escape_fitting(size_t size, const char *text, size_t text_len)
{
    size_t used = 0;

    for (size_t i = 0; i < text_len; i++) {
        used += escaped_width(text[i]);
        if (used + (i + 1 < text_len ? sizeof(cut_mark) : 1) > size)
            return i;
    }
    return text_len;
}

char *escape_text(char *out, size_t size, const char *text, size_t text_len)
{
    static const char digits[] = "0123456789abcdef";
    size_t fitting = escape_fitting(size, text, text_len);
    size_t at = 0;

    for (size_t i = 0; i < fitting; i++) {
        unsigned char c = (unsigned char)text[i];

        if (text_is_shown(text[i])) {
            out[at++] = text[i];
        } else {
            out[at++] = '\\';
            out[at++] = 'x';
            out[at++] = digits[c >> 4];
            out[at++] = digits[c & 15];
        }
    }
    if (fitting < text_len && at + sizeof(cut_mark) <= size)
        memcpy(out + at, cut_mark, sizeof(cut_mark));
    else if (size > 0)
        out[at] = '\0';
    return out;
}
