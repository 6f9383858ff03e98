/*
 * The encodings (kith-protocol(7), "Encodings"): frames, varints, Info and Hello.
 * Pure: bytes in, bytes out.
 */
#ifndef KITH_WIRE_H
#define KITH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"

#define FRAME_HEADER_SIZE 4
#define VARINT_MAX 10 /* bytes of a 64-bit varint */

#define INFO_MAX (KEY_SIZE + KEY_SIZE + VARINT_MAX + 1 + HASH_SIZE)
#define HELLO_MAX (INFO_MAX + KEY_SIZE + SIGNATURE_SIZE)

/* The largest message 1 (a hello without a tag), 2 and 3, without their frame headers. */
#define MESSAGE_1_MAX (HELLO_MAX)
#define MESSAGE_2_MAX (HELLO_MAX + TAG_SIZE)
#define MESSAGE_3_SIZE TAG_SIZE

/* Whether a text is of A-Z a-z 0-9 . _ and - alone, as all names are that are sent. */
bool wire_is_plain(const char *text, size_t len);

struct info {
    uint8_t recipient[KEY_SIZE];
    uint8_t ephemeral[KEY_SIZE];
    uint64_t timestamp_ms;
    bool has_tag;
    uint8_t tag[HASH_SIZE]; /* only if has_tag */
};

struct hello {
    struct info info;
    uint8_t signer[KEY_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
};

/*
 * How many bytes a frame has in all, header and body, as far as the first have_len bytes of it say:
 * only the header's size before that is whole. Errors as of wire_frame_length.
 */
must_check enum kith_error wire_frame_size(const uint8_t *frame, size_t have_len, size_t limit,
                                           size_t *size);

/*
 * The body's length in a frame's header: OK if it is 1 to limit, else ERR_FRAME_EMPTY or
 * ERR_FRAME_TOO_LONG.
 */
must_check enum kith_error wire_frame_length(const uint8_t header[static FRAME_HEADER_SIZE],
                                             size_t limit, size_t *len);

/* Write value as a varint; returns its length in bytes. */
size_t wire_put_varint(uint8_t out[static VARINT_MAX], uint64_t value);

/*
 * Read a varint at in, which is len bytes. Returns the bytes it takes, or 0 if it is cut short,
 * over 64 bits, or not of the shortest form.
 */
size_t wire_get_varint(const uint8_t *in, size_t len, uint64_t *value);

/* Encode; returns the length in bytes. */
size_t wire_put_info(uint8_t out[static INFO_MAX], const struct info *info);

/* Decode: true if the len bytes are one Info and nothing but it. */
bool wire_get_info(struct info *info, const uint8_t *in, size_t len);

/*
 * Decode a hello at the start of len bytes. *info_len and *hello_len are set to the bytes that
 * the Info in it and the whole take; what follows is the caller's to judge. ERR_HELLO_MALFORMED.
 */
must_check enum kith_error wire_get_hello(struct hello *hello, size_t *info_len, size_t *hello_len,
                                          const uint8_t *in, size_t len);

#endif
