/*
 * A text from outside, as it is shown on stderr, stdout or a terminal.
 */
#ifndef KITH_ESCAPE_H
#define KITH_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
