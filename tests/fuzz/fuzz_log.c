/*
 * Any text as each part of what is logged: it is one line of printable ASCII, and whoever reads it
 * gets the parts again as they were, from JSON as from text.
 *
 * Targets: base/log.
 */
#include "base/text.h"
#include "said.h"

#define LINE_MAX_SIZE 2048
#define WHOLE_MAX 250 /* bytes of all parts, of which none is cut then */

enum form { AS_JSON = 1, WITHOUT_WHICH = 2, WITHOUT_HINT = 4, WITH_FIELDS = 8 };

/* Undo \xNN, as a reader of a log would. Returns the length. */
static size_t unescape(char *out, const char *text, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned byte = (unsigned char)text[i];

        if (text[i] == '\\') {
            demand(i + 3 < len && sscanf(text + i, "\\x%2x", &byte) == 1);
            i += 3;
        }
        out[at++] = (char)byte;
    }
    return at;
}

/* Write a character as UTF-8; returns what follows. */
static char *put_character(char *out, unsigned character)
{
    if (character < 0x80) {
        *out++ = (char)character;
        return out;
    }
    if (character >= 0x10000)
        *out++ = (char)(0xf0 | character >> 18);
    if (character >= 0x800)
        *out++ = (char)((character >= 0x10000 ? 0x80 : 0xe0) | (character >> 12 & 0x3f));
    *out++ = (char)((character >= 0x800 ? 0x80 : 0xc0) | (character >> 6 & 0x3f));
    *out++ = (char)(0x80 | (character & 0x3f));
    return out;
}

/* A character of JSON after its backslash, of one unit of UTF-16 or two; returns what follows it.
 */
static const char *read_unit(unsigned *character, const char *text)
{
    unsigned low;

    demand(sscanf(text, "u%4x", character) == 1);
    if (*character < 0xd800 || *character > 0xdfff)
        return text + 5;
    demand(*character < 0xdc00 && sscanf(text + 5, "\\u%4x", &low) == 1 && low >= 0xdc00 &&
           low <= 0xdfff);
    *character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
    return text + 11;
}

/* Read a JSON string of ours; returns what follows it. */
static const char *read_string(char *out, const char *text)
{
    demand(*text++ == '"');
    while (*text != '"') {
        unsigned character = (unsigned char)*text++;

        demand(character != '\0' && character < 0x7f);
        if (character == '\\' && *text == 'u') {
            text = read_unit(&character, text);
        } else if (character == '\\') {
            demand(*text == '"');
            character = (unsigned char)*text++;
        }
        out = put_character(out, character);
    }
    *out = '\0';
    return text + 1;
}

/* A text as a reader of JSON has it: what is no UTF-8 is there a byte at a time. */
static void as_characters(char *out, const char *text)
{
    while (*text != '\0') {
        size_t len = 1, left = strlen(text);

        while (len <= CHARACTER_MAX && len <= left && text_fault(text, len) == TEXT_NO_UTF8)
            len++;
        if (len > CHARACTER_MAX || len > left) {
            out = put_character(out, (unsigned char)*text++);
            continue;
        }
        memcpy(out, text, len);
        out += len;
        text += len;
    }
    *out = '\0';
}

/* An object of strings; what it has under this name, or NULL. */
static const char *find_in_json(const char *wanted)
{
    static char name[LINE_MAX_SIZE], value[LINE_MAX_SIZE], found[LINE_MAX_SIZE];
    const char *at = said;
    bool is_found = false;

    demand(*at == '{');
    while (*at == '{' || *at == ',') {
        at = read_string(name, at + 1);
        demand(*at == ':');
        at = read_string(value, at + 1);
        if (strcmp(name, wanted) == 0) {
            memcpy(found, value, sizeof(value));
            is_found = true;
        }
    }
    demand(strcmp(at, "}\n") == 0);
    return is_found ? found : NULL;
}

static void check_json(const char *name, const char *part, bool is_whole)
{
    const char *found = find_in_json(name);
    char expected[LINE_MAX_SIZE];

    if (part == NULL)
        demand(found == NULL);
    if (part == NULL || !is_whole)
        return;
    as_characters(expected, part);
    demand(found != NULL && strcmp(found, expected) == 0);
}

/* Text: the parts one after the other, an empty one as two quotes. */
static void check_text(const char *const parts[4], const char *fourth_begins)
{
    static const char *const before[] = {"kith: ", ": ", ": "};
    char expected[LINE_MAX_SIZE] = "", shown[sizeof(said)];
    size_t len = unescape(shown, said, said_len - 1);

    for (size_t i = 0; i < 4; i++) {
        if (parts[i] == NULL)
            continue;
        strcat(expected, i < 3 ? before[i] : fourth_begins);
        strcat(expected, parts[i][0] != '\0' ? parts[i] : "\"\"");
    }
    demand(len == strlen(expected) && memcmp(shown, expected, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t form = take_byte(&input);
    bool is_whole = input.left <= WHOLE_MAX;
    char *owned[4];
    const char *parts[4];

    for (size_t i = 0; i < 4; i++)
        parts[i] = owned[i] = take_text(&input);
    if ((form & WITHOUT_WHICH) != 0)
        parts[1] = NULL;
    if ((form & WITHOUT_HINT) != 0)
        parts[3] = NULL;
    log_configure(LOG_NOTE, (form & AS_JSON) != 0);
    said_nothing();
    if ((form & WITH_FIELDS) != 0)
        log_fields(LOG_NOTE, parts[0], parts[1], parts[2], parts[3] != NULL ? "name" : NULL,
                   parts[3], NULL);
    else
        log_event(LOG_NOTE, parts[0], parts[1], parts[2], parts[3]);
    demand(said_lines() == 1 && said_len <= LINE_MAX_SIZE);
    if ((form & WITH_FIELDS) != 0 && parts[3] != NULL && parts[3][0] == '\0')
        parts[3] = NULL; /* which is left out */

    if ((form & AS_JSON) == 0 && is_whole) {
        check_text(parts, (form & WITH_FIELDS) != 0 ? " name=" : "; ");
    } else if ((form & AS_JSON) != 0) {
        check_json("what", parts[0], is_whole);
        check_json("which", parts[1], is_whole);
        check_json("why", parts[2], is_whole);
        check_json((form & WITH_FIELDS) != 0 ? "name" : "hint", parts[3], is_whole);
    }
    for (size_t i = 0; i < 4; i++)
        free(owned[i]);
    return 0;
}
