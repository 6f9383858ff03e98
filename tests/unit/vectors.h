/*
 * Reads the test vectors: values of a JSON text are found by name and number, and decoded. Made for
 * files of our own, so a value that is missing or odd ends the program. A value is a pointer to its
 * first character in the text.
 */
#ifndef KITH_TEST_VECTORS_H
#define KITH_TEST_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct bytes {
    size_t len;
    uint8_t at[4096];
};

static inline void vectors_give_up(const char *what, const char *where)
{
    printf("Bail out! test vectors: %s: %.40s\n", what, where);
    exit(1);
}

/* The text of a file; the caller's to free. */
static inline char *vectors_read(const char *path)
{
    size_t size = 1 << 20;
    char *text = malloc(size);
    FILE *file = fopen(path, "r");
    size_t len;

    if (text == NULL || file == NULL)
        vectors_give_up("cannot read", path);
    len = fread(text, 1, size - 1, file);
    if (len == size - 1 || fclose(file) != 0)
        vectors_give_up("cannot read", path);
    text[len] = '\0';
    return text;
}

static inline const char *json_blank(const char *at)
{
    return at + strspn(at, " \t\r\n,:");
}

/* The character behind a value. Strings hold no escapes. */
static inline const char *json_skip(const char *value)
{
    size_t depth = 0;

    do {
        if (*value == '\0')
            vectors_give_up("ends too soon", value);
        depth += *value == '{' || *value == '[';
        depth -= *value == '}' || *value == ']';
        if (*value == '"')
            value += 1 + strcspn(value + 1, "\"");
        else if (depth == 0 && *value != '}' && *value != ']')
            value += strcspn(value, ",]} \t\r\n") - 1;
        value++;
    } while (depth > 0);
    return value;
}

/* The value of this name in an object, or NULL. */
static inline const char *json_find(const char *object, const char *name)
{
    const char *at = json_blank(object + 1);
    size_t len = strlen(name);

    while (*at == '"') {
        const char *value = json_blank(json_skip(at));

        if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '"')
            return value;
        at = json_blank(json_skip(value));
    }
    return NULL;
}

/* The same where it has to be there. */
static inline const char *json_member(const char *object, const char *name)
{
    const char *value = json_find(object, name);

    if (value == NULL)
        vectors_give_up("no member", name);
    return value;
}

/* An array's element, or NULL after the last. */
static inline const char *json_element(const char *array, size_t index)
{
    const char *at = json_blank(array + 1);

    for (; *at != ']' && index > 0; index--)
        at = json_blank(json_skip(at));
    return *at == ']' ? NULL : at;
}

static inline uint64_t json_number(const char *value)
{
    return strtoull(value, NULL, 10);
}

/* Decode a string of hexadecimal. */
static inline struct bytes json_bytes(const char *value)
{
    struct bytes bytes = {0};

    if (*value != '"')
        vectors_give_up("not a string", value);
    bytes.len = strcspn(value + 1, "\"") / 2;
    if (bytes.len > sizeof(bytes.at) || !hex_decode(bytes.at, bytes.len, value + 1))
        vectors_give_up("not hexadecimal", value);
    return bytes;
}

#endif
