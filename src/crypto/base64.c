/*
 * Owns base64, as in PEM: what is in it may be a private key, so no digit decides on a branch or an
 * address. (libcrypto's own looks each up in a table.) Must never take what is not of its one form.
 */
#include <limits.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

/* The value of a digit; -1 if it is none. */
static int value_of(unsigned char digit)
{
    int c = digit;
    int value = -1;

    value += mask_between('A', c, 'Z') & (c - 'A' + 1);
    value += mask_between('a', c, 'z') & (c - 'a' + 26 + 1);
    value += mask_between('0', c, '9') & (c - '0' + 52 + 1);
    value += mask_between('+', c, '+') & (62 + 1);
    value += mask_between('/', c, '/') & (63 + 1);
    return value;
}

static char digit_of(unsigned value)
{
    int v = (int)value;
    int c = mask_between(0, v, 25) & ('A' + v);

    c |= mask_between(26, v, 51) & ('a' + v - 26);
    c |= mask_between(52, v, 61) & ('0' + v - 52);
    c |= mask_between(62, v, 62) & '+';
    c |= mask_between(63, v, 63) & '/';
    return (char)c;
}

int crypto_base64_decode(uint8_t *out, const char *text, size_t len)
{
    size_t padding = 0;
    int bad = 0; /* negative once a digit is none */

    if (len == 0 || len > INT_MAX || len % 4 != 0)
        return len == 0 ? 0 : -1;
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    for (size_t at = 0; at < len; at += 4) {
        uint32_t group = 0;

        for (size_t i = at; i < at + 4; i++) {
            int value = i < len - padding ? value_of((unsigned char)text[i]) : 0;

            bad |= value;
            group = group << 6 | ((uint32_t)value & 63);
        }
        out[at / 4 * 3] = (uint8_t)(group >> 16);
        out[at / 4 * 3 + 1] = (uint8_t)(group >> 8);
        out[at / 4 * 3 + 2] = (uint8_t)group;
    }
    /* The padding decodes to zeros, unless the digit before it has bits that belong to no byte. */
    for (size_t i = 1; i <= padding; i++)
        bad |= -(int)out[len / 4 * 3 - i];
    return bad < 0 ? -1 : (int)(len / 4 * 3 - padding);
}

void crypto_base64_encode(char *out, const uint8_t *bytes, size_t len)
{
    size_t used = 0;

    for (size_t at = 0; at < len; at += 3) {
        uint32_t group = (uint32_t)bytes[at] << 16;

        group |= at + 1 < len ? (uint32_t)bytes[at + 1] << 8 : 0;
        group |= at + 2 < len ? bytes[at + 2] : 0;
        out[used++] = digit_of(group >> 18);
        out[used++] = digit_of(group >> 12 & 63);
        out[used++] = at + 1 < len ? digit_of(group >> 6 & 63) : '=';
        out[used++] = at + 2 < len ? digit_of(group & 63) : '=';
    }
    out[used] = '\0';
}
