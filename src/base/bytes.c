/*
 * Owns the conversions between numbers, bytes and digits. Must never allocate, and must never look
 * beyond the lengths it is given.
 */
#include "base/bytes.h"

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
