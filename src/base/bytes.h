/*
 * Bytes and text: numbers in network order, hexadecimal, and the escaping of what is shown.
 * Nothing here allocates or fails but by its return value.
 */
#ifndef KITH_BYTES_H
#define KITH_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE 32     /* an Ed25519 or X25519 public key, an Ed25519 seed, a cipher key */
#define KEY_HEX_SIZE 65 /* the same in hexadecimal, with its NUL */
#define SIGNATURE_SIZE 64

/* 32-bit numbers, most significant byte first. */
void store_u32be(uint8_t out[static 4], uint32_t value);
uint32_t load_u32be(const uint8_t in[static 4]);

/* Write len bytes as 2 * len lower-case digits and a NUL: out holds 2 * len + 1 bytes. */
void hex_encode(char *out, const uint8_t *in, size_t len);

/* All bits set if low <= value <= high, none otherwise; without a branch, for what is a secret. */
int mask_between(int low, int value, int high);

/*
 * Read exactly len bytes from 2 * len characters; what follows them is not looked at. False if one
 * of them is no digit, of either case.
 */
bool hex_decode(uint8_t *out, size_t len, const char *in);

/*
 * The one rule for all that is shown, on stderr, stdout or a terminal: whether a byte stands there
 * as it is. Control characters, backslashes and bytes over 0x7e do not.
 */
bool text_is_shown(char byte);

/*
 * Copy text to out (size bytes, NUL included) fit for a terminal or a log: what is not shown as it
 * is becomes \xNN. Cut at a whole escape where it would not fit, "..." then ends it. Returns out.
 */
char *escape_text(char *out, size_t size, const char *text, size_t text_len);

/* How many bytes of a text escape_text keeps: all, or those before the "...". */
size_t escape_fitting(size_t size, const char *text, size_t text_len);

#define CHARACTER_MAX 4 /* bytes of a character of UTF-8 */

/*
 * The character of UTF-8 (RFC 3629) that a text begins with, of which there is a byte at least.
 * Returns the bytes that it takes, or 0 if that is none, or not whole.
 */
size_t text_character(uint32_t *character, const char *text, size_t len);

/* What makes a text unfit to be a name or a value. */
enum text_fault {
    TEXT_FINE,
    TEXT_CONTROL, /* a control character: ASCII's, C1's, or one of Unicode's for lines and order */
    TEXT_NO_UTF8
};

/* The first fault of len bytes. */
enum text_fault text_fault(const char *text, size_t len);

/* Whether c is a blank or tab; the C locale's isspace is not wanted for files. */
bool is_blank(char c);

#endif
