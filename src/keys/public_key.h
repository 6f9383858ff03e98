/*
 * Public keys as text: 64 hex digits, an ssh-ed25519 line, PEM.
 */
#ifndef KITH_PUBLIC_KEY_H
#define KITH_PUBLIC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/problem.h"

/* Room for a peer's name, its NUL included. */
#define NAME_SIZE 64

/*
 * Read one key at text, which is len bytes of one line: 64 hex digits or "ssh-TYPE BASE64", blanks
 * before it forgiven. *used is set to the bytes taken; a blank or the end follows them.
 * ERR_KEY_TYPE for the other types of ssh key (*used is set then as well), ERR_KEY_FORMAT,
 * ERR_KEY_DAMAGED for an ssh-ed25519 key that is not whole, ERR_KEY_POINT.
 */
must_check enum kith_error public_key_scan(uint8_t key[static KEY_SIZE], const char *text,
                                           size_t len, size_t *used);

/*
 * Read a whole file's text that holds one public key in any of the three forms. What follows
 * the key is stored in name if it can be a peer's name, else name is made empty. Lines that begin
 * with # are comments.
 */
must_check enum kith_error public_key_parse(uint8_t key[static KEY_SIZE],
                                            char name[static NAME_SIZE], const char *text,
                                            size_t len);

/*
 * Whether these bytes can be a peer's name; if not, problem (or NULL) says why. A name is never
 * mistaken for an option, a key, a path, an address or the left of an @.
 */
bool name_check(const char *text, size_t len, struct problem *problem);

/* Whether a path is named as the file of a public key: it ends in ".pub". */
bool public_key_is_path(const char *path);

/* The short form of a key for logs: its first 8 hex digits and a NUL. */
void public_key_short(char out[static 9], const uint8_t key[static KEY_SIZE]);

#endif
