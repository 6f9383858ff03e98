/*
 * The text of key and peers files: its lines and words. What editors and stores of secrets do to a
 * file is forgiven here: a byte order mark, CRLF, blanks around lines, blank lines, a missing last
 * newline. What characters a text has, and where in a path its folder ends. Nothing is allocated.
 */
#ifndef KITH_TEXT_H
#define KITH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A run of text that belongs to somebody else; no NUL after it. */
struct text {
    const char *at;
    size_t len;
};

/* The text at these bytes, without a byte order mark of UTF-8 in front. */
struct text text_of(const char *bytes, size_t len);

bool text_equals(struct text text, const char *other);
bool text_starts(struct text text, const char *prefix);
bool text_ends(struct text text, const char *suffix);

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

/* How much of a path is its folder: up to its last slash, and with that; 0 for a name alone. */
size_t text_folder_len(const char *path);

#define FOLDER_SIZE 4096 /* of a folder's path, with its NUL: a longer one cannot be opened */

/* The folder of a path, as it can be opened: "." for a name alone. False if it is too long. */
bool text_folder(char *out, size_t size, const char *path);

/* Whether a string is digits alone. */
bool text_is_number(const char *string);

/* Drop the first count bytes, which are there. */
void text_skip(struct text *text, size_t count);

/* Drop the blanks in front. */
void text_skip_blanks(struct text *text);

/* Take the next line off, without the blanks around it and its line end. False at the end. */
bool text_next_line(struct text *text, struct text *line);

/* Take the next word off, and the blanks around it; an empty word at the end. */
struct text text_next_word(struct text *text);

/*
 * Take the next part off, and the separator after it. False at the end: "a,b" has two parts,
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

#endif
