/*
 * Owns the form of a text in JSON. Must never write what a terminal could take for more than text.
 */
#include "base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define ESCAPE_LEN ((size_t)4) /* \xNN, as escape_text has it */
#define CHARACTER_SIZE sizeof("\\uNNNN\\uNNNN")
#define UNIT_MAX 0xffffu

/* The bytes of the escapes that stand here, up to those of a character. Returns how many. */
static size_t take_escaped(char bytes[static CHARACTER_MAX], const char *escaped)
{
    size_t count = 0;
    uint8_t byte;

    while (count < CHARACTER_MAX && *escaped == '\\' && hex_decode(&byte, 1, escaped + 2)) {
        bytes[count++] = (char)byte;
        escaped += ESCAPE_LEN;
    }
    return count;
}

/* A character by its number, which is two of UTF-16 if it is large. */
static void by_number(char out[static CHARACTER_SIZE], uint32_t character)
{
    unsigned rest = (character - UNIT_MAX - 1) & 0xfffff;

    if (character <= UNIT_MAX)
        (void)snprintf(out, CHARACTER_SIZE, "\\u%04x", character & UNIT_MAX);
    else
        (void)snprintf(out, CHARACTER_SIZE, "\\u%04x\\u%04x", 0xd800u + (rest >> 10),
                       0xdc00u + (rest & 0x3ff));
}

/* One character, of what escape_text has made of it. Returns how much of that it was. */
static size_t put_one(char out[static CHARACTER_SIZE], const char *escaped)
{
    char bytes[CHARACTER_MAX] = {0};
    uint32_t character = 0;
    size_t used;

    if (*escaped != '\\') {
        (void)snprintf(out, CHARACTER_SIZE, *escaped == '"' ? "\\%c" : "%c", *escaped);
        return 1;
    }
    used = text_character(&character, bytes, take_escaped(bytes, escaped));
    by_number(out, used > 0 ? character : (unsigned char)bytes[0]);
    return ESCAPE_LEN * (used > 0 ? used : 1);
}

char *json_escape(char *out, size_t size, const char *text)
{
    char escaped[JSON_TEXT_MAX], one[CHARACTER_SIZE];
    size_t len = 0, used = 0;

    escape_text(escaped, sizeof(escaped), text, strlen(text));
    out[0] = '\0';
    for (const char *at = escaped; *at != '\0'; at += used) {
        used = put_one(one, at);
        if (len + strlen(one) >= size)
            break;
        memcpy(out + len, one, strlen(one) + 1);
        len += strlen(one);
    }
    return out;
}
