/*
 * Owns the meaning of WHO and PEER. Must never take a key for a peer's that was not given by the
 * user, on the command line or in a file.
 */
#include "who.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "key_file.h"
#include "log.h"
#include "paths.h"

#define LOCATION_SIZE (FILE_PATH_SIZE + 24)

void who_format(char out[static WHO_TEXT_SIZE], const char *name,
                const uint8_t key[static KEY_SIZE])
{
    char digits[9];

    public_key_short(digits, key);
    if (name[0] == '\0')
        (void)snprintf(out, WHO_TEXT_SIZE, "%s", digits);
    else
        (void)snprintf(out, WHO_TEXT_SIZE, "%s (%s)", name, digits);
}

static void locate(char out[static LOCATION_SIZE], const char *path, size_t line)
{
    (void)snprintf(out, LOCATION_SIZE, "%s, line %zu", path, line);
}

static void warn_line(const struct peers_problem *problem, void *who)
{
    char location[LOCATION_SIZE];

    locate(location, ((const struct who *)who)->peers_path, problem->line);
    log_event(LOG_NOTE, "peers", location, problem->why, NULL);
}

/* Read a file, opened by somebody else if we may not. */
static enum kith_error read_file(const struct who *who, struct key_file *file, const char *path,
                                 size_t max, enum key_file_secrecy secrecy)
{
    enum kith_error error;
    char opened[32];
    int fd;

    if (who->open == NULL)
        return key_file_read(file, path, max, secrecy);
    fd = who->open(who->open_context, path);
    if (fd < 0)
        return errno == ENOENT ? ERR_FILE_MISSING : ERR_SYSTEM;
    (void)snprintf(opened, sizeof(opened), "/dev/fd/%d", fd);
    error = key_file_read(file, opened, max, secrecy);
    (void)close(fd);
    return error;
}

static enum kith_error complain_file(enum kith_error error, const char *path)
{
    log_event(LOG_ERROR, "peers", path, error == ERR_SYSTEM ? strerror(errno) : error_text(error),
              error == ERR_FILE_MISSING
                  ? "write a line \"KEY NAME\" for each peer into it; KEY is what kith pubkey "
                    "prints there"
                  : error_hint(error));
    return error;
}

enum kith_error who_read_file(struct who *who)
{
    char location[LOCATION_SIZE];
    struct peers_problem problem;
    const char *path = who->peers_path;
    struct key_file file = {0};
    enum kith_error error;

    if (who->read)
        return OK;
    if (who->peers_error != OK)
        return complain_file(who->peers_error, "~/.config/kith/peers");
    error = read_file(who, &file, path, PEERS_FILE_MAX, KEY_FILE_TRUSTED);
    if (error == ERR_FILE_EMPTY)
        error = OK; /* nobody is known yet */
    if (error != OK)
        return complain_file(error, path);
    error = peers_parse(&who->file, file.text == NULL ? "" : file.text, file.len, who->own_key,
                        &problem, warn_line, who);
    if (error == ERR_PEERS_LINE) {
        locate(location, path, problem.line);
        log_event(LOG_ERROR, "peers", location, problem.why, NULL);
    } else if (error != OK) {
        (void)complain_file(error, path);
    }
    key_file_wipe(&file);
    who->read = error == OK;
    return error;
}

void who_free(struct who *who)
{
    peers_free(&who->file);
    who->read = false;
}

static bool is_hex_key(const char *text)
{
    return strlen(text) == KEY_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == KEY_HEX_SIZE - 1;
}

bool who_is_file(const char *text)
{
    size_t len = strlen(text);

    return strchr(text, '/') != NULL || (len >= 4 && strcmp(text + len - 4, ".pub") == 0);
}

static enum kith_error read_key_file(const struct who *who, const char *path,
                                     uint8_t key[static KEY_SIZE], char name[static NAME_SIZE])
{
    struct key_file file = {0};
    enum kith_error error = read_file(who, &file, path, KEY_FILE_MAX, KEY_FILE_PUBLIC);

    if (error == OK)
        error = public_key_parse(key, name, file.text, file.len);
    if (error != OK)
        log_event(LOG_ERROR, "public key", path,
                  error == ERR_SYSTEM ? strerror(errno) : error_text(error), error_hint(error));
    key_file_wipe(&file);
    return error;
}

/* The key of WHO; *entry is its line of the peers file when it is named there, else NULL. */
static enum kith_error find(struct who *who, const char *text, uint8_t key[static KEY_SIZE],
                            char name[static NAME_SIZE], const struct peer **entry)
{
    enum kith_error error;
    size_t used;

    *entry = NULL;
    name[0] = '\0';
    if (is_hex_key(text)) {
        error = public_key_scan(key, text, strlen(text), &used);
        if (error != OK)
            log_event(LOG_ERROR, "public key", text, error_text(error), error_hint(error));
        return error;
    }
    if (who_is_file(text))
        return read_key_file(who, text, key, name);
    error = who_read_file(who);
    if (error != OK)
        return error;
    *entry = peers_find_name(&who->file, text);
    if (*entry == NULL) {
        log_event(LOG_ERROR, "peer", text, "no such name in the peers file",
                  "a key is 64 hex digits, and a file of one has a / or ends in .pub");
        return ERR_PEERS_LINE;
    }
    memcpy(key, (*entry)->key, KEY_SIZE);
    memcpy(name, (*entry)->name, NAME_SIZE);
    return OK;
}

static void warn_published(const uint8_t key[static KEY_SIZE], const char *text)
{
    if (identity_is_published(key))
        log_event(LOG_NOTE, "peer", text,
                  "warning: a sample key that is published with kith: anybody can be this peer",
                  "have that peer make one of its own with: kith keygen");
}

static enum kith_error refuse_own(const struct who *who, const uint8_t key[static KEY_SIZE],
                                  const char *text)
{
    if (memcmp(key, who->own_key, KEY_SIZE) != 0)
        return OK;
    log_event(LOG_ERROR, "peer", text, "that is our own key",
              "name the other side's; ours is its to know");
    return ERR_OWN_KEY;
}

enum kith_error who_add(struct who *who, const char *text, struct peers *set)
{
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    const struct peer *entry;
    enum kith_error error = find(who, text, key, name, &entry);

    if (error == OK)
        error = refuse_own(who, key, text);
    if (error != OK)
        return error;
    warn_published(key, text);
    error = entry != NULL ? peers_add_copy(set, entry) : peers_add(set, key, name);
    if (error != OK)
        log_event(LOG_ERROR, "peer", text, error_text(error), NULL);
    return error;
}

enum kith_error who_add_all(struct who *who, struct peers *set)
{
    enum kith_error error = who_read_file(who);

    for (size_t i = 0; error == OK && i < who->file.count; i++) {
        const struct peer *peer = &who->file.list[i];

        warn_published(peer->key, peer->name);
        error = peers_add_copy(set, peer);
        if (error != OK)
            log_event(LOG_ERROR, "peers", NULL, error_text(error), NULL);
    }
    return error;
}

static enum kith_error complain_peer(const char *text, const char *why)
{
    log_event(LOG_ERROR, "peer", text, why,
              "say WHO@HOST:PORT, or a name whose line in the peers file has addr=\"HOST:PORT\"");
    return ERR_USAGE;
}

static enum kith_error complain_address(const char *text, const char *problem)
{
    char why[ADDRESS_PROBLEM_SIZE + 32];

    (void)snprintf(why, sizeof(why), "the address behind the @: %s", problem);
    return complain_peer(text, why);
}

enum kith_error who_callee(struct who *who, const char *text, struct callee *callee)
{
    char before[FILE_PATH_SIZE], problem[ADDRESS_PROBLEM_SIZE];
    const char *at = strrchr(text, '@');
    size_t len = at == NULL ? strlen(text) : (size_t)(at - text);
    const struct peer *entry;
    enum kith_error error;

    if (len == 0 || len >= sizeof(before))
        return complain_peer(text, "says not who is meant");
    if (at != NULL && !address_parse(&callee->address, at + 1, ADDRESS_HOST_PORT)) {
        address_problem(problem, at + 1, ADDRESS_HOST_PORT);
        return complain_address(text, problem);
    }
    memcpy(before, text, len);
    before[len] = '\0';
    if (at == NULL && (is_hex_key(before) || who_is_file(before)))
        return complain_peer(text, "says not where to call");
    error = find(who, before, callee->key, callee->name, &entry);
    if (error == OK)
        error = refuse_own(who, callee->key, before);
    if (error == OK)
        warn_published(callee->key, before);
    if (error != OK || at != NULL)
        return error;
    if (entry == NULL || entry->address == NULL ||
        !address_parse(&callee->address, entry->address, ADDRESS_HOST_PORT))
        return complain_peer(text, "its line in the peers file has no addr");
    return OK;
}
