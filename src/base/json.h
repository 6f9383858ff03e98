/*
 * What stands in a JSON string.
 */
#ifndef KITH_JSON_H
#define KITH_JSON_H

#include <stddef.h>

#define JSON_TEXT_MAX 1024 /* bytes of a text that are kept, as escape_fitting counts them */

/*
 * Write a text as it stands between the quotes (RFC 8259), in printable ASCII: what is no printable
 * ASCII is there by its number, and a byte that is of no character of UTF-8 by the byte's. Cut at a
 * whole one where it does not fit into size bytes, NUL included. Returns out, which is not text.
 */
char *json_escape(char *out, size_t size, const char *text);

#endif
