/*
 * Owns the reading of peers from a file, all or nothing. Must never let a line pass that is not
 * certainly understood, nor one key or name stand for two peers.
 */
#include "peers/peers_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "keys/pem.h"
#include "peers/peers_options.h"

#define OPTIONS_HINT "options come before the key"
#define DIGITS_MIN 32 /* of them a word that is nothing else was meant as a key */

/* A peer while the file is read, with the line it came from. */
struct entry {
    struct peer peer;
    size_t line;
};

struct entries {
    struct entry *list;
    size_t count;
    size_t room;
};

static void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        peer_free(&entries->list[i].peer);
    free(entries->list);
    *entries = (struct entries){0};
}

/* Add a peer, which then belongs to the entries. */
static enum kith_error entries_add(struct entries *entries, const struct peer *peer, size_t line)
{
    if (entries->count == entries->room) {
        size_t room = entries->room > 0 ? 2 * entries->room : 16;
        struct entry *list = realloc(entries->list, room * sizeof(*list));
        if (list == NULL)
            return ERR_MEMORY;
        entries->list = list;
        entries->room = room;
    }
    entries->list[entries->count++] = (struct entry){*peer, line};
    return OK;
}

/* What a line says of a peer is the entries' if the line was in order, and else nobody's. */
static enum kith_error take_over(struct entries *entries, struct peer *peer, size_t line,
                                 enum kith_error error)
{
    if (error == OK)
        error = entries_add(entries, peer, line);
    if (error != OK)
        peer_free(peer);
    return error;
}

static const char *advice_after_name(struct text rest)
{
    if (peers_options_begin(rest))
        return OPTIONS_HINT;
    return rest.at[0] == '#' ? "a comment has a line of its own"
                             : "a name is one word: leave one of them";
}

/* Take the name, after which nothing may be. */
static bool parse_name(struct peer *peer, struct text rest, struct problem *problem)
{
    struct text name = text_next_word(&rest);
    struct problem of_name;

    if (name.len == 0)
        return problem_advise(problem, "write one there, as you want to call this peer",
                              "no name after the key");
    if (!name_check(name.at, name.len, &of_name))
        return problem_advise(problem,
                              peers_options_begin(name)
                                  ? OPTIONS_HINT
                                  : "write another there, as you want to call this peer",
                              "%.80s: \"%.*s\"", of_name.why, problem_shown(name), name.at);
    if (rest.len > 0)
        return problem_advise(problem, advice_after_name(rest),
                              "text after the name \"%.*s\": \"%.*s\"", problem_shown(name),
                              name.at, problem_shown(rest), rest.at);
    memcpy(peer->name, name.at, name.len);
    return true;
}

/* Whether a line does not begin with a key that has lost digits, or has too many. */
static bool check_digits(struct text line, struct problem *problem)
{
    struct text word = text_next_word(&line);
    size_t digits = 0;

    while (digits < word.len && isxdigit((unsigned char)word.at[digits]))
        digits++;
    if (digits < word.len || digits < DIGITS_MIN || digits == KEY_HEX_SIZE - 1)
        return true;
    return problem_advise(problem, "was it copied whole?", "%zu hex digits, where a key has %d",
                          digits, KEY_HEX_SIZE - 1);
}

/* What is wrong with the word that should be a key. */
static void say_no_key(struct text word, struct problem *problem)
{
    bool joined = !text_starts(word, ",") && !peers_options_begin(word);

    if (check_digits(word, problem))
        (void)problem_advise(problem,
                             joined ? NULL : "options are joined by a comma, without a blank",
                             "no key after the options: \"%.*s\"", problem_shown(word), word.at);
}

enum kith_error peers_take_key(struct peer *peer, struct text *line, struct problem *problem)
{
    size_t used = 0;
    struct text key = {0};
    enum kith_error error = public_key_scan(peer->key, line->at, line->len, &used);

    if (error == ERR_KEY_FORMAT) {
        if (!check_digits(*line, problem))
            return ERR_PEERS_LINE;
        error = peers_options_parse(peer, line, problem);
        if (error != OK)
            return error;
        error = public_key_scan(peer->key, line->at, line->len, &used);
    }
    key = (struct text){line->at, used};
    switch (error) {
    case OK:
        text_skip(line, used);
        text_skip_blanks(line);
        return OK;
    case ERR_KEY_TYPE:
        key = text_next_word(&key);
        (void)problem_say(problem, "a key of type %.*s, where only ssh-ed25519 is of use",
                          problem_shown(key), key.at);
        return ERR_KEY_TYPE;
    case ERR_KEY_FORMAT:
        say_no_key(key, problem);
        return ERR_PEERS_LINE;
    case ERR_KEY_DAMAGED:
    case ERR_KEY_POINT:
        (void)problem_say(problem, "%s: \"%.*s\"", error_text(error), problem_shown(key), key.at);
        return ERR_PEERS_LINE;
    default:
        return error;
    }
}

bool peers_line_is_comment(struct text line)
{
    return line.len == 0 || line.at[0] == '#';
}

/* Whether it is not ourselves; own_key may be NULL. */
static bool is_other(const struct peer *peer, const uint8_t *own_key, struct problem *problem)
{
    if (own_key == NULL || memcmp(peer->key, own_key, KEY_SIZE) != 0)
        return true;
    return problem_advise(problem, "the others' keys are to be here; ours is to be in theirs",
                          "this is our own key");
}

/* Parse a line, number problem->line, and add what it says. */
static enum kith_error add_line(struct entries *entries, struct text line, const uint8_t *own_key,
                                struct problem *problem)
{
    struct peer peer = PEER_UNCONDITIONAL;
    enum kith_error error = OK;

    if (memchr(line.at, '\0', line.len) != NULL) {
        (void)problem_say(problem, "a NUL byte");
        return ERR_PEERS_LINE;
    }
    if (peers_line_is_comment(line))
        return OK;
    error = peers_take_key(&peer, &line, problem);
    if (error == OK && !(parse_name(&peer, line, problem) && is_other(&peer, own_key, problem)))
        error = ERR_PEERS_LINE;
    return take_over(entries, &peer, problem->line, error);
}

static int by_line(const struct entry *a, const struct entry *b)
{
    return (a->line > b->line) - (a->line < b->line);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;
    int order = strcmp(one->peer.name, other->peer.name);

    return order != 0 ? order : by_line(one, other);
}

static int by_key(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;
    int order = memcmp(one->peer.key, other->peer.key, KEY_SIZE);

    return order != 0 ? order : by_line(one, other);
}

/* Note that two neighbours are the same, unless an earlier line is already known to be wrong. */
static bool note_twice(const struct entry *first, const struct entry *second, const char *what,
                       bool noted, struct problem *problem)
{
    if (noted && problem->line <= second->line)
        return true;
    problem->line = second->line;
    (void)problem_advise(problem, "one of the two lines has to go, or to get another name",
                         "the %s of line %zu again: \"%s\"", what, first->line, first->peer.name);
    return true;
}

/*
 * Sort by key, and find the first line that has the key or name of an earlier one. noted says
 * whether problem holds a refused line already, after all entries.
 */
static bool find_twice(struct entries *entries, bool noted, struct problem *problem)
{
    struct entry *list = entries->list;

    if (entries->count == 0)
        return noted;
    qsort(list, entries->count, sizeof(*list), by_name);
    for (size_t i = 1; i < entries->count; i++) {
        if (strcmp(list[i - 1].peer.name, list[i].peer.name) == 0)
            noted = note_twice(&list[i - 1], &list[i], "name", noted, problem);
    }
    qsort(list, entries->count, sizeof(*list), by_key);
    for (size_t i = 1; i < entries->count; i++) {
        if (memcmp(list[i - 1].peer.key, list[i].peer.key, KEY_SIZE) == 0)
            noted = note_twice(&list[i - 1], &list[i], "key", noted, problem);
    }
    return noted;
}

/* Move the sorted entries' peers into an empty set. */
static enum kith_error hand_over(struct peers *peers, struct entries *entries)
{
    if (entries->count == 0)
        return OK;
    peers->list = malloc(entries->count * sizeof(*peers->list));
    if (peers->list == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < entries->count; i++) {
        peers->list[i] = entries->list[i].peer;
        peers->list[i].line = entries->list[i].line;
    }
    peers->count = entries->count;
    entries->count = 0;
    return OK;
}

static void skip_line(const struct peers_reader *reader, const struct problem *problem)
{
    if (reader != NULL && reader->warn != NULL)
        reader->warn(problem, reader->context);
}

enum kith_error peers_parse(struct peers *peers, const char *text, size_t len,
                            const struct peers_reader *reader, struct problem *problem)
{
    const uint8_t *own_key = reader != NULL ? reader->own_key : NULL;
    struct entries entries = {0};
    struct text rest = text_of(text, len);
    struct text line = {0};
    enum kith_error error = OK;

    *peers = (struct peers){0};
    *problem = (struct problem){0};
    while (error == OK && text_next_line(&rest, &line)) {
        problem->line++;
        error = add_line(&entries, line, own_key, problem);
        if (error == ERR_KEY_TYPE) {
            skip_line(reader, problem);
            error = OK;
        }
    }
    if ((error == OK || error == ERR_PEERS_LINE) &&
        find_twice(&entries, error == ERR_PEERS_LINE, problem))
        error = ERR_PEERS_LINE;
    if (error == OK)
        error = hand_over(peers, &entries);
    entries_free(&entries);
    return error;
}

/* Add the key of a line; a comment that can be a name is one. */
static enum kith_error add_key_line(struct entries *entries, struct text line,
                                    struct problem *problem)
{
    struct peer peer = PEER_UNCONDITIONAL;
    enum kith_error error = peers_take_key(&peer, &line, problem);

    if (error == OK && peer.namespace_file != NULL) {
        (void)problem_say(problem, "namespace-file, which only the peers file may have: a page of "
                                   "keys may be somebody else's");
        error = ERR_PEERS_LINE;
    }
    if (error == OK && name_check(line.at, line.len, NULL))
        memcpy(peer.name, line.at, line.len);
    return take_over(entries, &peer, problem->line, error);
}

static enum kith_error add_key_lines(struct entries *entries, struct text rest,
                                     const struct peers_reader *reader, struct problem *problem)
{
    struct text line = {0};
    enum kith_error last = ERR_FILE_EMPTY; /* what a file without a key is */

    while (text_next_line(&rest, &line)) {
        enum kith_error error = OK;

        problem->line++;
        if (peers_line_is_comment(line))
            continue;
        error = add_key_line(entries, line, problem);
        if (error == ERR_KEY_TYPE)
            skip_line(reader, problem);
        else if (error != OK)
            return error;
        last = error;
    }
    problem->line = 0;
    return entries->count > 0 ? OK : last;
}

/* Sort by key, and of several lines with one key keep the first. */
static void sort_out(struct entries *entries)
{
    struct entry *list = entries->list;
    size_t kept = 0;

    if (entries->count == 0)
        return;
    qsort(list, entries->count, sizeof(*list), by_key);
    for (size_t i = 1; i < entries->count; i++) {
        if (memcmp(list[kept].peer.key, list[i].peer.key, KEY_SIZE) == 0)
            peer_free(&list[i].peer);
        else
            list[++kept] = list[i];
    }
    entries->count = kept + 1;
}

/* They are sorted at once: put in their places one by one, many would take too long. */
static enum kith_error read_key_lines(struct peers *peers, struct text text,
                                      const struct peers_reader *reader, struct problem *problem)
{
    struct entries entries = {0};
    enum kith_error error = add_key_lines(&entries, text, reader, problem);

    sort_out(&entries);
    if (error == OK)
        error = hand_over(peers, &entries);
    entries_free(&entries);
    return error;
}

bool peers_text_is_pem(struct text rest)
{
    struct text line = {0};

    while (text_next_line(&rest, &line)) {
        if (!peers_line_is_comment(line))
            return text_is_pem(line);
    }
    return false;
}

/* A file of one key that is no line. */
static enum kith_error add_single_key(struct peers *peers, const char *text, size_t len)
{
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    enum kith_error error = public_key_parse(key, name, text, len);

    return error == OK ? peers_add(peers, key, name) : error;
}

enum kith_error peers_parse_keys(struct peers *peers, const char *text, size_t len,
                                 const struct peers_reader *reader, struct problem *problem)
{
    struct text rest = text_of(text, len);
    enum kith_error error = OK;

    *peers = (struct peers){0};
    *problem = (struct problem){0};
    if (memchr(text, '\0', len) != NULL)
        return ERR_FILE_NUL;
    if (peers_text_is_pem(rest))
        error = add_single_key(peers, text, len);
    else
        error = read_key_lines(peers, rest, reader, problem);
    if (error != OK)
        peers_free(peers);
    return error;
}
