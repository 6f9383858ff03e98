/*
 * Owns the meaning of WHO and PEER. Must never take a key for a peer's that was not given by the
 * user, on the command line or in a file.
 */
#include "peers/directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/spelling.h"
#include "base/text.h"
#include "keys/identity.h"
#include "keys/key_file.h"
#include "peers/peers_file.h"

#define LOCATION_SIZE (FILE_PATH_SIZE + 24)
#define PLACE_SIZE (FILE_PATH_SIZE + ADDRESS_TEXT_SIZE + 1) /* of PEER without a target */

static void warn_line(const struct problem *problem, void *directory)
{
    char location[LOCATION_SIZE];

    problem_locate(location, sizeof(location), ((const struct directory *)directory)->peers_path,
                   problem);
    log_event(LOG_NOTE, "peers", location, problem->why, problem->hint);
}

static void tell_skipped(const struct problem *problem, void *path)
{
    char location[LOCATION_SIZE];

    problem_locate(location, sizeof(location), path, problem);
    log_event(LOG_MORE, "public key", location, problem->why, NULL);
}

void callee_copy(struct callee *copy, const struct callee *callee)
{
    *copy = *callee;
    (void)secret_namespace_hold(copy->namespace);
}

void callee_end(struct callee *callee)
{
    secret_namespace_release(callee->namespace);
    callee->namespace = NULL;
}

void file_text_wipe(struct file_text *text)
{
    key_file_wipe(&text->file);
    namespace_texts_wipe(&text->namespaces);
    text->taken = false;
}

/* Take what somebody else has read. */
static enum kith_error take_text(const struct directory *directory, struct key_file *file,
                                 const char *path)
{
    for (size_t i = 0; i < directory->text_count; i++) {
        struct file_text *text = &directory->texts[i];

        if (text->taken || strcmp(text->path, path) != 0)
            continue;
        text->taken = true;
        *file = text->file;
        text->file = (struct key_file){0};
        errno = text->system_errno;
        return text->error;
    }
    return ERR_FILE_MISSING;
}

/* Read a file of which who can write to it decides who is a peer. */
static enum kith_error read_file(struct directory *directory, struct key_file *file,
                                 const char *what, const char *path)
{
    enum kith_error error;

    directory->from_files = true;
    if (directory->texts != NULL)
        error = take_text(directory, file, path);
    else
        error = key_file_read(file, path, PEERS_FILE_MAX, KEY_FILE_TRUSTED);
    if (error == OK && (file->writers & KEY_FILE_BY_GROUP) != 0)
        log_event(LOG_NOTE, what, path,
                  "warning: its group can write to it, and so let themselves in",
                  "chmod g-w it, unless that is meant");
    if (error == OK && (file->writers & KEY_FILE_BY_OWNER) != 0)
        log_event(LOG_NOTE, what, path, "warning: it is another user's, who can let themselves in",
                  "chown it, unless that is meant");
    return error;
}

static enum kith_error log_file_failure(enum kith_error error, const char *path)
{
    return log_failure(
        LOG_ERROR, "peers", path, error, NULL,
        error == ERR_FILE_MISSING
            ? "exchange keys by kith meet; or write a line \"KEY NAME\" for each peer "
              "into it: KEY is what kith pubkey prints there"
            : NULL);
}

/* Of what somebody else has read, the namespaces beside a peers file; NULL where we read. */
static struct namespace_texts *find_namespaces(const struct directory *directory)
{
    for (size_t i = 0; directory->texts != NULL && i < directory->text_count; i++) {
        if (strcmp(directory->texts[i].path, directory->peers_path) == 0)
            return &directory->texts[i].namespaces;
    }
    return NULL;
}

enum kith_error directory_read(struct directory *directory)
{
    char location[LOCATION_SIZE];
    const struct peers_reader reader = {directory->own_key, warn_line, directory};
    struct problem problem;
    const char *path = directory->peers_path;
    struct key_file file = {0};
    enum kith_error error;

    if (directory->read)
        return OK;
    if (directory->peers_error != OK)
        return log_file_failure(directory->peers_error, "~/.config/kith/peers");
    error = read_file(directory, &file, "peers", path);
    if (error == ERR_FILE_EMPTY)
        error = OK; /* nobody is known yet */
    if (error != OK)
        return log_file_failure(error, path);
    error = peers_parse(&directory->file, file.text == NULL ? "" : file.text, file.len, &reader,
                        &problem);
    if (error == OK)
        error = peer_namespaces_read(&directory->file, path, find_namespaces(directory), &problem);
    if (error != OK)
        peers_free(&directory->file);
    if (error == ERR_PEERS_LINE) {
        problem_locate(location, sizeof(location), path, &problem);
        (void)log_failure(LOG_ERROR, "peers", location, error, problem.why, problem.hint);
    } else if (error != OK) {
        (void)log_file_failure(error, path);
    }
    key_file_wipe(&file);
    directory->read = error == OK;
    return error;
}

void directory_free(struct directory *directory)
{
    peers_free(&directory->file);
    directory->read = directory->from_files = false;
}

static bool is_hex_key(const char *text)
{
    return strlen(text) == KEY_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == KEY_HEX_SIZE - 1;
}

bool directory_is_file(const char *text)
{
    return strchr(text, '/') != NULL || public_key_is_path(text);
}

/* The keys that a file holds, which has one at least. */
static enum kith_error read_keys(struct directory *directory, const char *path, struct peers *keys)
{
    const struct peers_reader reader = {.warn = tell_skipped, .context = (void *)(uintptr_t)path};
    char location[LOCATION_SIZE];
    struct problem problem = {0};
    struct key_file file = {0};
    enum kith_error error = read_file(directory, &file, "public key", path);

    if (error == OK)
        error = peers_parse_keys(keys, file.text, file.len, &reader, &problem);
    (void)snprintf(location, sizeof(location), "%s", path);
    if (problem.line > 0)
        problem_locate(location, sizeof(location), path, &problem);
    if (error != OK)
        (void)log_failure(LOG_ERROR, "public key", location, error,
                          error == ERR_PEERS_LINE ? problem.why : NULL, problem.hint);
    key_file_wipe(&file);
    return error;
}

/* Have a peer that was found noted, if that is wanted. */
static enum kith_error note(const struct directory *directory, const struct peer *peer,
                            const char *text)
{
    enum kith_error error = OK;

    if (directory->noted != NULL)
        error = peers_add_copy(directory->noted, peer);
    if (error != OK)
        (void)log_failure(LOG_ERROR, "peer", text, error, NULL, NULL);
    return error;
}

/* The one key that a file holds. */
static enum kith_error read_key(struct directory *directory, const char *path,
                                uint8_t key[static KEY_SIZE], char name[static NAME_SIZE])
{
    struct peers keys = {0};
    enum kith_error error = read_keys(directory, path, &keys);

    if (error == OK && keys.count > 1)
        error = log_failure(LOG_ERROR, "public key", path, ERR_KEY_SEVERAL, NULL, NULL);
    if (error == OK) {
        memcpy(key, keys.list[0].key, KEY_SIZE);
        memcpy(name, keys.list[0].name, NAME_SIZE);
        error = note(directory, &keys.list[0], path);
    }
    peers_free(&keys);
    return error;
}

/* There is no such name in the peers file; maybe one that is spelt nearly like it. */
static enum kith_error log_unknown_name(const struct directory *directory, const char *text,
                                        bool is_called)
{
    struct spelling spelling = spelling_of(text);
    const char *hint = directory->texts != NULL ? "" : NULL; /* what is read again nobody types */
    char meant[NAME_SIZE + 192];

    for (size_t i = 0; i < directory->file.count; i++)
        spelling_try(&spelling, directory->file.list[i].name);
    if (spelling.nearest != NULL) {
        (void)snprintf(meant, sizeof(meant), "did you mean: %s", spelling.nearest);
        hint = meant;
    } else if (hint == NULL && is_called) {
        (void)snprintf(meant, sizeof(meant), "%s; to call elsewhere: WHO@HOST:PORT",
                       error_hint(ERR_NAME_UNKNOWN));
        hint = meant;
    }
    return log_failure(LOG_ERROR, "peer", text, ERR_NAME_UNKNOWN, directory->peers_path, hint);
}

/*
 * The key of WHO; *entry is its line of the peers file when it is named there, else NULL.
 * is_called: and where it is called is to be there, too.
 */
static enum kith_error find_who(struct directory *directory, const char *text, bool is_called,
                                uint8_t key[static KEY_SIZE], char name[static NAME_SIZE],
                                const struct peer **entry)
{
    enum kith_error error;
    size_t used;

    *entry = NULL;
    name[0] = '\0';
    if (is_hex_key(text)) {
        struct peer peer = PEER_UNCONDITIONAL;

        error = public_key_scan(peer.key, text, strlen(text), &used);
        if (error != OK)
            return log_failure(LOG_ERROR, "public key", text, error, NULL, NULL);
        memcpy(key, peer.key, KEY_SIZE);
        return note(directory, &peer, text);
    }
    if (directory_is_file(text))
        return read_key(directory, text, key, name);
    if (strpbrk(text, " \t") != NULL)
        return log_failure(LOG_ERROR, "peer", text, ERR_USAGE, "neither a name, a key nor a file",
                           "of a line KEY NAME the key is enough");
    error = directory_read(directory);
    if (error != OK)
        return error;
    *entry = peers_find_name(&directory->file, text);
    if (*entry == NULL)
        return log_unknown_name(directory, text, is_called);
    memcpy(key, (*entry)->key, KEY_SIZE);
    memcpy(name, (*entry)->name, NAME_SIZE);
    return note(directory, *entry, text);
}

static void warn_published(const uint8_t key[static KEY_SIZE], const char *text)
{
    if (identity_is_published(key))
        log_event(LOG_NOTE, "peer", text,
                  "warning: a sample key that is published with kith: anybody can be this peer",
                  "have that peer make one of its own with: kith keygen");
}

static enum kith_error refuse_own(const struct directory *directory,
                                  const uint8_t key[static KEY_SIZE], const char *text)
{
    if (memcmp(key, directory->own_key, KEY_SIZE) != 0)
        return OK;
    return log_failure(LOG_ERROR, "peer", text, ERR_OURSELVES, NULL, NULL);
}

/* Add one of those that WHO means. */
static enum kith_error add_peer(struct peers *set, const struct peer *peer, const char *text)
{
    enum kith_error error;

    warn_published(peer->key, text);
    error = peers_add_copy(set, peer);
    if (error != OK)
        (void)log_failure(LOG_ERROR, "peer", text, error, NULL, NULL);
    return error;
}

/* Add the keys of a file. Our own is passed over where others are beside it: on a page of all ours.
 */
static enum kith_error add_file(struct directory *directory, const char *path, struct peers *set)
{
    struct peers keys = {0};
    enum kith_error error = read_keys(directory, path, &keys);

    for (size_t i = 0; error == OK && i < keys.count; i++) {
        const struct peer *peer = &keys.list[i];

        if (keys.count == 1)
            error = refuse_own(directory, peer->key, path);
        if (error == OK && memcmp(peer->key, directory->own_key, KEY_SIZE) != 0)
            error = add_peer(set, peer, path);
    }
    peers_free(&keys);
    return error;
}

enum kith_error directory_add(struct directory *directory, const char *text, struct peers *set)
{
    struct peer peer = PEER_UNCONDITIONAL;
    const struct peer *entry;
    enum kith_error error;

    if (directory_is_file(text))
        return add_file(directory, text, set);
    error = find_who(directory, text, false, peer.key, peer.name, &entry);
    if (error == OK)
        error = refuse_own(directory, peer.key, text);
    if (error == OK)
        error = add_peer(set, entry != NULL ? entry : &peer, text);
    return error;
}

enum kith_error directory_lacks(struct directory *directory, const char *text, bool *lacks)
{
    enum kith_error error;

    *lacks = false;
    if (is_hex_key(text) || directory_is_file(text))
        return OK;
    error = directory_read(directory);
    *lacks = error == OK && peers_find_name(&directory->file, text) == NULL;
    return error;
}

enum kith_error directory_add_all(struct directory *directory, struct peers *set)
{
    enum kith_error error = directory_read(directory);

    for (size_t i = 0; error == OK && i < directory->file.count; i++)
        error = add_peer(set, &directory->file.list[i], directory->file.list[i].name);
    return error;
}

static enum kith_error refuse_callee(const char *text, const char *why)
{
    return log_failure(LOG_ERROR, "peer", text, ERR_USAGE, why, error_hint(ERR_NAME_ADDRESS));
}

static enum kith_error refuse_address(const char *text, const struct problem *problem)
{
    char why[sizeof(problem->why) + 32];

    (void)snprintf(why, sizeof(why), "the address after the @: %s", problem->why);
    return refuse_callee(text, why);
}

const char *directory_find_address(const char *text)
{
    const char *at = strrchr(text, '@');

    return at != NULL ? at + 1 : NULL;
}

const char *directory_find_target(const char *text)
{
    const char *address = directory_find_address(text), *place = address != NULL ? address : text;
    const char *bracket = strrchr(place, ']'), *from = bracket != NULL ? bracket : place;
    const char *colon = strrchr(from, ':');

    if (colon == NULL || (address != NULL && strchr(from, ':') == colon)) /* that of HOST:PORT */
        return NULL;
    return text_is_number(colon + 1) ? NULL : colon + 1;
}

/* Take :NAME off the end of PEER, which is copied without it. */
static enum kith_error take_target(char place[static PLACE_SIZE], const char *text,
                                   struct callee *callee)
{
    const char *name = directory_find_target(text);
    size_t len = name == NULL ? strlen(text) : (size_t)(name - text) - 1;
    struct problem problem;

    callee->target[0] = '\0';
    callee->namespace = NULL;
    callee->mark = (struct namespace_mark){{0}};
    if (len >= PLACE_SIZE)
        return refuse_callee(text, "does not say who is meant");
    memcpy(place, text, len);
    place[len] = '\0';
    if (name == NULL)
        return OK;
    if (!target_name_check((struct text){name, strlen(name)}, &problem))
        return log_failure(LOG_ERROR, "peer", text, ERR_USAGE, problem.why,
                           "the text after the last colon is a target there: PEER:NAME");
    memcpy(callee->target, name, strlen(name) + 1);
    return OK;
}

/* find_who of one who calls, or is called: not ourselves, and with the namespace of its line. */
static enum kith_error find_other(struct directory *directory, const char *text, bool is_called,
                                  struct callee *callee, const struct peer **entry)
{
    enum kith_error error = find_who(directory, text, is_called, callee->key, callee->name, entry);

    if (error == OK)
        error = refuse_own(directory, callee->key, text);
    if (error != OK)
        return error;
    warn_published(callee->key, text);
    if (*entry != NULL) {
        callee->namespace = secret_namespace_hold((*entry)->namespace);
        callee->mark = (*entry)->mark;
    }
    return OK;
}

enum kith_error directory_callee(struct directory *directory, const char *given,
                                 struct callee *callee)
{
    char text[PLACE_SIZE], before[FILE_PATH_SIZE];
    struct problem problem;
    const struct peer *entry;
    enum kith_error error = take_target(text, given, callee);
    const char *address = directory_find_address(text);
    size_t len = address == NULL ? strlen(text) : (size_t)(address - text) - 1;

    if (error != OK)
        return error;
    if (len == 0 || len >= sizeof(before))
        return refuse_callee(given, "does not say who is meant");
    if (address != NULL && !address_parse(&callee->address, address, ADDRESS_HOST_PORT, &problem))
        return refuse_address(text, &problem);
    memcpy(before, text, len);
    before[len] = '\0';
    if (address == NULL && address_parse(&callee->address, text, ADDRESS_HOST_PORT, NULL))
        return refuse_callee(text, "says where to call, but not who is meant there");
    if (address == NULL && (is_hex_key(before) || directory_is_file(before)))
        return refuse_callee(text, "does not say where to call");
    error = find_other(directory, before, address == NULL, callee, &entry);
    if (error != OK || address != NULL)
        return error;
    if (entry == NULL || entry->address == NULL)
        return log_failure(LOG_ERROR, "peer", text, ERR_NAME_ADDRESS, NULL, NULL);
    callee->address = *entry->address;
    return OK;
}

enum kith_error directory_awaited(struct directory *directory, const char *given,
                                  struct callee *callee)
{
    char text[PLACE_SIZE] = "";
    const struct peer *entry;
    enum kith_error error = take_target(text, given, callee);

    if (error != OK)
        return error;
    callee->address = (struct address){.port = ""};
    if (text[0] == '\0' ||
        (strpbrk(text, "@:") != NULL && (!directory_is_file(text) || access(text, F_OK) != 0)))
        return log_failure(LOG_ERROR, "peer", given, ERR_USAGE,
                           text[0] == '\0' ? "it names nobody"
                                           : "it calls us here, so no address is needed",
                           "WHO or WHO:NAME; WHO is a name, a key, or a file with one");
    return find_other(directory, text, false, callee, &entry);
}
