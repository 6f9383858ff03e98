/*
 * Owns the form of a text in JSON. Must never write what a terminal could take for more than text.
 */
#include "base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/text.h"

#define CHARACTER_SIZE sizeof("\\uNNNN\\uNNNN")
#define UNIT_MAX 0xffffu

/* A character by its number, which is two of UTF-16 if it is large. */
static void by_number(char out[static CHARACTER_SIZE], uint32_t character)
{
    unsigned beyond = (character - UNIT_MAX - 1) & 0xfffff;

    if (character <= UNIT_MAX)
        (void)snprintf(out, CHARACTER_SIZE, "\\u%04x", character & UNIT_MAX);
    else
        (void)snprintf(out, CHARACTER_SIZE, "\\u%04x\\u%04x", 0xd800u + (beyond >> 10),
                       0xdc00u + (beyond & 0x3ff));
}

/* The first character of a text, of which there is a byte at least. Returns the bytes it takes. */
static size_t put_one(char out[static CHARACTER_SIZE], const char *text, size_t len)
{
    uint32_t character = 0;
    size_t used;

    if (text_is_shown(*text)) {
        (void)snprintf(out, CHARACTER_SIZE, *text == '"' ? "\\%c" : "%c", *text);
        return 1;
    }
    used = text_character(&character, text, len);
    by_number(out, used > 0 ? character : (unsigned char)*text);
    return used > 0 ? used : 1;
}

char *json_escape(char *out, size_t size, const char *text)
{
    size_t whole = strlen(text), kept = escape_fitting(JSON_TEXT_MAX, text, whole);
    size_t len = 0, used = 0;
    char one[CHARACTER_SIZE];

    out[0] = '\0';
    for (size_t at = 0; at < kept; at += used) {
        used = put_one(one, text + at, kept - at);
        if (len + strlen(one) >= size)
            return out;
        memcpy(out + len, one, strlen(one) + 1);
        len += strlen(one);
    }
    if (kept < whole)
        (void)snprintf(out + len, size - len, "...");
    return out;
}
