/*
 * Owns the conversions between numbers, bytes and text. Must never allocate, and must never look
 * beyond the lengths it is given.
 */
#include "base/bytes.h"

#include <string.h>

void store_u32be(uint8_t out[static 4], uint32_t value)
{
    out[0] = (uint8_t)(value / 0x1000000);
    out[1] = (uint8_t)(value / 0x10000 % 0x100);
    out[2] = (uint8_t)(value / 0x100 % 0x100);
    out[3] = (uint8_t)(value % 0x100);
}

uint32_t load_u32be(const uint8_t in[static 4])
{
    return in[0] * 0x1000000u + in[1] * 0x10000u + in[2] * 0x100u + in[3];
}

void hex_encode(char *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

int mask_between(int low, int value, int high)
{
    return -(int)((unsigned)((low - 1 - value) & (value - high - 1)) >> 31);
}

/* The value of a digit, -1 if it is none. It may be a secret's, and decides on no branch. */
static int hex_digit(unsigned char digit)
{
    int c = digit;
    int value = -1;

    value += mask_between('0', c, '9') & (c - '0' + 1);
    value += mask_between('a', c, 'f') & (c - 'a' + 10 + 1);
    value += mask_between('A', c, 'F') & (c - 'A' + 10 + 1);
    return value;
}

bool hex_decode(uint8_t *out, size_t len, const char *in)
{
    int bad = 0; /* negative once a digit is none */

    for (size_t i = 0; i < len; i++) {
        int high = hex_digit((unsigned char)in[2 * i]);
        int low = hex_digit((unsigned char)in[2 * i + 1]);

        bad |= high | low;
        out[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    return bad >= 0;
}

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
