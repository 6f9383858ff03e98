/*
 * The frame of PEM around a key (RFC 7468), also when its line breaks were lost on the way.
 */
#ifndef KITH_PEM_H
#define KITH_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Whether a text is meant to be PEM: it begins with five dashes. */
bool text_is_pem(struct text text);

/*
 * The label and the body of a PEM text: "PRIVATE KEY", "PUBLIC KEY", ... and what stands before the
 * END of it. Its line breaks may be blanks, backslashes with an n, or lost. ERR_KEY_FRAME if its
 * BEGIN is not whole, ERR_KEY_DAMAGED if the END is missing, ERR_KEY_FORMAT if there is more
 * after it; then *label is set all the same, unless it is ERR_KEY_FRAME.
 */
must_check enum kith_error pem_open(struct text *label, struct text *body, struct text tidy);

/* Room for what that many digits of base64 become, as pem_decode needs it. */
#define PEM_DECODED_SIZE(digits) ((digits) / 4 * 3 + 3)

/*
 * Decode the base64 of a body, whatever its line breaks are, into out: PEM_DECODED_SIZE of as many
 * digits as are allowed, at most KEY_FILE_MAX. *len is what came out, never 0. ERR_FILE_TOO_LARGE
 * for more digits, ERR_KEY_DAMAGED. What is left in out may be a secret.
 */
must_check enum kith_error pem_decode(uint8_t *out, size_t size, size_t *len, struct text body);

#endif
