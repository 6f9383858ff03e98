/*
 * Any text as each part of what is logged: it is one line of printable ASCII, and whoever reads it
 * gets the parts again as they were, from JSON as from text.
 *
 * Targets: base/log.
 */
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

/* Read a JSON string of ours; returns what follows it. */
static const char *read_string(char *out, const char *text)
{
    demand(*text++ == '"');
    for (; *text != '"'; out++) {
        unsigned byte = (unsigned char)*text++;

        demand(byte != '\0');
        if (byte == '\\' && *text == 'u') {
            demand(sscanf(text, "u00%2x", &byte) == 1);
            text += 5;
        } else if (byte == '\\') {
            demand(*text == '"');
            byte = (unsigned char)*text++;
        }
        *out = (char)byte;
    }
    *out = '\0';
    return text + 1;
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

    if (part == NULL)
        demand(found == NULL);
    else if (is_whole)
        demand(found != NULL && strcmp(found, part) == 0);
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
