/*
 * The text of key and peers files: its lines and words, and the frame of PEM. What editors and
 * stores of secrets do to a file is forgiven here: a byte order mark, CRLF, blanks around lines,
 * blank lines, a missing last newline. Nothing is allocated.
 */
#ifndef KITH_KEY_TEXT_H
#define KITH_KEY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A run of text that belongs to somebody else; no NUL behind it. */
struct text {
    const char *at;
    size_t len;
};

/* The text at these bytes, without a byte order mark of UTF-8 in front. */
struct text text_of(const char *bytes, size_t len);

bool text_equals(struct text text, const char *other);
bool text_starts(struct text text, const char *prefix);
bool text_ends(struct text text, const char *suffix);

/* Drop the first count bytes, which are there. */
void text_skip(struct text *text, size_t count);

/* Drop the blanks in front. */
void text_skip_blanks(struct text *text);

/* Take the next line off, without the blanks around it and its line end. False at the end. */
bool text_next_line(struct text *text, struct text *line);

/* Take the next word off, and the blanks around it; an empty word at the end. */
struct text text_next_word(struct text *text);

/*
 * Take the next part off, and the separator behind it. False at the end: "a,b" has two parts,
 * "a," has "a" and an empty one, and no text has none.
 */
bool text_next_part(struct text *text, char separator, struct text *part);

/*
 * Copy the lines that say something to out, which has room for len + 1 bytes: without the blanks
 * around them, each ended by a newline. Lines that begin with comment ('\0' for none) say
 * nothing. ERR_FILE_NUL, or ERR_FILE_EMPTY if nothing is left.
 */
must_check enum kith_error text_tidy(struct text *tidy, char *out, const char *bytes, size_t len,
                                     char comment);

/* Whether a text is meant to be PEM: it begins with five dashes. */
bool text_is_pem(struct text text);

/*
 * The label and the body of a PEM text: "PRIVATE KEY", "PUBLIC KEY", ... and what stands before the
 * END of it. Its line breaks may be blanks, backslashes with an n, or lost. ERR_KEY_FRAME if its
 * BEGIN is not whole, ERR_KEY_DAMAGED if the END is missing, ERR_KEY_FORMAT if there is more
 * behind it; then *label is set all the same, unless it is ERR_KEY_FRAME.
 */
must_check enum kith_error pem_open(struct text *label, struct text *body, struct text tidy);

/* Room for what so many digits of base64 become, as pem_decode needs it. */
#define PEM_DECODED_SIZE(digits) ((digits) / 4 * 3 + 3)

/*
 * Decode the base64 of a body, whatever its line breaks are, into out: PEM_DECODED_SIZE of as many
 * digits as are allowed, at most KEY_FILE_MAX. *len is what came out, never 0. ERR_FILE_TOO_LARGE
 * for more digits, ERR_KEY_DAMAGED. What is left in out may be a secret.
 */
must_check enum kith_error pem_decode(uint8_t *out, size_t size, size_t *len, struct text body);

#endif
