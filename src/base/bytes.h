/*
 * Bytes: numbers in network order, and hexadecimal. Nothing here allocates or fails but by its
 * return value.
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

#endif
