/*
 * Owns the choice of what is taken from a file of keys, and of the names. Must never give a name to
 * one key that is another person's, nor drop what an option in front of a key asks for.
 */
#include "peers/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "net/address.h"
#include "peers/peers_options.h"

#define ADDR_SIZE (ADDRESS_TEXT_SIZE + sizeof("addr=\"\","))

/* A key's line while it is composed. */
struct line {
    uint8_t key[KEY_SIZE];
    struct text kept; /* all before the comment */
    char name[NAME_SIZE];
};

/* Whether all may have the name: it is nobody's, or of one whose key is in the file, too. */
static bool is_theirs(const struct import *import, const struct import_terms *terms,
                      const char *name)
{
    const struct peer *holder = peers_find_name(terms->known, name);

    return holder == NULL || peers_find_key(&import->keys, holder->key) != NULL;
}

static bool is_free(const struct import *import, const struct import_terms *terms, const char *name)
{
    return peers_find_name(terms->known, name) == NULL &&
           peers_find_name(&import->added, name) == NULL;
}

/* The name, or with the first number after it that makes it free. */
static bool make_free(char out[static NAME_SIZE], const struct import *import,
                      const struct import_terms *terms, const char *name)
{
    size_t number = 1;
    int len = snprintf(out, NAME_SIZE, "%s", name);

    while (len < NAME_SIZE && !is_free(import, terms, out))
        len = snprintf(out, NAME_SIZE, "%s-%zu", name, ++number);
    return len < NAME_SIZE;
}

/* What a comment has for a name: alice of "alice@laptop work". */
static bool find_name(char out[static NAME_SIZE], struct text comment)
{
    struct text word = text_next_word(&comment);
    struct text name = {0};

    if (!text_next_part(&word, '@', &name) || !name_check(name.at, name.len, NULL))
        return false;
    memcpy(out, name.at, name.len);
    out[name.len] = '\0';
    return true;
}

static enum kith_error name_key(struct line *line, const struct import *import,
                                const struct import_terms *terms, struct text comment,
                                struct problem *problem)
{
    char found[NAME_SIZE];
    const char *name = terms->name;

    if (name == NULL && find_name(found, comment))
        name = found;
    if (name == NULL) {
        (void)problem_advise(problem, "say whose keys these are: kith import FILE NAME",
                             "no name after the key");
        return ERR_PEERS_LINE;
    }
    if (is_theirs(import, terms, name) && make_free(line->name, import, terms, name))
        return OK;
    (void)problem_advise(problem, "give another: kith import FILE NAME; or take its old line out",
                         "\"%s\"", name);
    return ERR_NAME_TAKEN;
}

static bool is_wanted_key(const struct import_terms *terms, const uint8_t *key)
{
    return peers_find_key(terms->known, key) == NULL &&
           (terms->own_key == NULL || memcmp(key, terms->own_key, KEY_SIZE) != 0);
}

/* What stands in front of the key of a line that is in order. */
static struct text options_of(struct text line)
{
    struct peer peer = PEER_UNCONDITIONAL;
    struct text rest = line;
    struct problem problem;

    if (peers_options_begin(line) && peers_options_parse(&peer, &rest, &problem) != OK)
        rest = line;
    peer_free(&peer);
    return (struct text){line.at, (size_t)(rest.at - line.at)};
}

/* Whether the line with this key that is taken already has the same options in front of it. */
static bool is_the_same(const struct import *import, const struct line *line)
{
    struct text rest = text_of(import->lines, strlen(import->lines)), taken = {0};
    struct text options = options_of(line->kept), before;

    while (text_next_line(&rest, &taken)) {
        struct peer peer = PEER_UNCONDITIONAL;
        struct text at = taken;
        struct problem problem;
        bool found = peers_take_key(&peer, &at, &problem) == OK &&
                     memcmp(peer.key, line->key, KEY_SIZE) == 0;

        peer_free(&peer);
        before = options_of(taken);
        if (found)
            return before.len == options.len && memcmp(before.at, options.at, options.len) == 0;
    }
    return false;
}

/* What may not stand in front of a key in a file that is not our own. */
static enum kith_error judge_line(const struct import *import, const struct line *line,
                                  const struct peer *peer, bool is_there, struct problem *problem)
{
    if (peer->address != NULL)
        (void)problem_say(
            problem,
            "addr, which only the peers file may have: a page of keys may be somebody else's");
    else if (is_there && !is_the_same(import, line))
        (void)problem_advise(problem, "leave one of them in it",
                             "a line before has this key under other conditions");
    else
        return OK;
    return ERR_PEERS_LINE;
}

/* The first of the options: addr, and what joins it to what comes after it. */
static void begin_with_address(char out[static ADDR_SIZE], const struct address *address,
                               const struct line *line)
{
    char text[ADDRESS_TEXT_SIZE];

    out[0] = '\0';
    if (address == NULL)
        return;
    address_format(text, address);
    (void)snprintf(out, ADDR_SIZE, "addr=\"%s\"%s", text,
                   options_of(line->kept).len > 0 ? "," : " ");
}

/* Write the line of one at the end of what there is. There is room. */
static enum kith_error append_line(struct import *import, size_t *used, const struct line *line,
                                   const struct address *address)
{
    char beginning[ADDR_SIZE];
    size_t room = ADDR_SIZE + line->kept.len + NAME_SIZE + 2;

    begin_with_address(beginning, address, line);
    *used += (size_t)snprintf(import->lines + *used, room, "%s%.*s %s\n", beginning,
                              (int)line->kept.len, line->kept.at, line->name);
    return peers_add(&import->added, line->key, line->name);
}

/* Take a line of the file, which is in order, but for its name. */
static enum kith_error add_line(struct import *import, size_t *used,
                                const struct import_terms *terms, struct text text,
                                struct problem *problem)
{
    struct line line = {.kept = text};
    struct peer peer = PEER_UNCONDITIONAL;
    enum kith_error error = peers_take_key(&peer, &text, problem);
    bool is_there = error == OK && peers_find_key(&import->added, peer.key) != NULL;

    memcpy(line.key, peer.key, KEY_SIZE);
    if (error == OK)
        error = judge_line(import, &line, &peer, is_there, problem);
    peer_free(&peer);
    if (error != OK)
        return error == ERR_KEY_TYPE ? OK : error;
    if (is_there || !is_wanted_key(terms, line.key))
        return OK;
    line.kept.len -= text.len;
    while (line.kept.len > 0 && is_blank(line.kept.at[line.kept.len - 1]))
        line.kept.len--;
    error = name_key(&line, import, terms, text, problem);
    return error == OK ? append_line(import, used, &line, terms->address) : error;
}

static enum kith_error add_lines(struct import *import, const struct import_terms *terms,
                                 struct text rest, struct problem *problem)
{
    size_t used = 0;
    struct text line = {0};
    enum kith_error error = OK;

    import->lines = malloc(rest.len + import->keys.count * (ADDR_SIZE + NAME_SIZE + 2) + 1);
    if (import->lines == NULL)
        return ERR_MEMORY;
    import->lines[0] = '\0';
    while (error == OK && text_next_line(&rest, &line)) {
        problem->line++;
        if (!peers_line_is_comment(line))
            error = add_line(import, &used, terms, line, problem);
    }
    return error;
}

enum kith_error import_compose(struct import *import, const struct import_terms *terms,
                               const char *text, size_t len, struct problem *problem)
{
    const struct peers_reader reader = {.warn = terms->warn, .context = terms->context};
    enum kith_error error;
    char hex[KEY_HEX_SIZE];

    *import = (struct import){0};
    error = peers_parse_keys(&import->keys, text, len, &reader, problem);
    if (error != OK)
        return error;
    if (!peers_text_is_pem(text_of(text, len)))
        return add_lines(import, terms, text_of(text, len), problem);
    hex_encode(hex, import->keys.list[0].key, KEY_SIZE);
    return add_lines(import, terms, (struct text){hex, KEY_HEX_SIZE - 1}, problem);
}

void import_free(struct import *import)
{
    peers_free(&import->keys);
    peers_free(&import->added);
    free(import->lines);
    import->lines = NULL;
}
