/*
 * Owns the commands that make and show keys: keygen and pubkey. Must never write a private key
 * or a secret where others can read it, nor over another one unasked.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/problem.h"
#include "command/commands.h"
#include "command/keygen_standing.h"
#include "command/own_name.h"
#include "command/paths.h"
#include "crypto/crypto.h"
#include "keys/identity.h"
#include "keys/key_file.h"
#include "keys/new_file.h"
#include "keys/passphrase.h"
#include "keys/pkcs8.h"
#include "keys/private_key.h"
#include "keys/public_key.h"

#define PRIVATE_MODE 0600
#define PUBLIC_MODE 0644
#define SECRET_LINE_SIZE (SECRET_DIGITS + 2) /* with a newline and a NUL */

/* Make a key: its PEM, and the line of its public key. */
static enum kith_error make_pair(char pem[static PKCS8_PEM_SIZE],
                                 uint8_t public_key[static KEY_SIZE])
{
    uint8_t seed[KEY_SIZE];
    enum kith_error error = crypto_random(seed, sizeof(seed));

    if (error == OK)
        error = crypto_ed25519_public(public_key, seed);
    if (error == OK)
        pkcs8_write(pem, seed);
    crypto_wipe(seed, sizeof(seed));
    return error;
}

/* Something of that name is there, and stays: say what it is, and what -f would do. */
static enum kith_error log_existing(const struct options *options, const char *path,
                                    const char *which, enum standing standing)
{
    bool is_default = options->argument_count == 0;
    char hint[3 * FILE_PATH_SIZE + 256], see[FILE_PATH_SIZE + 64] = "";
    bool is_identity = which == path && (standing == STANDS_OURS || standing == STANDS_FOREIGN);

    if (is_identity)
        (void)snprintf(see, sizeof(see), "kith pubkey%s%s shows its public key; ",
                       is_default ? "" : " ", is_default ? "" : path);
    if (standing_blocks(standing))
        (void)snprintf(hint, sizeof(hint), "%s" STANDING_HINT, see);
    else if (is_identity)
        (void)snprintf(hint, sizeof(hint),
                       "%s-f would replace both files, %s and %s.pub, and whoever knows the old "
                       "key would not know the new one",
                       see, path, path);
    else
        (void)snprintf(hint, sizeof(hint), "name another file; -f would replace %s and %s.pub",
                       path, path);
    return log_failure(LOG_ERROR, options->what, which,
                       is_identity ? ERR_IDENTITY_EXISTS : ERR_FILE_EXISTS, NULL, hint);
}

static bool is_there(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/*
 * Something that no file is put in the place of, not with -f either: what is no file, nor leads to
 * one, or to nothing; and a descriptor of ours, whatever it is.
 */
static bool is_of_other_kind(const char *path)
{
    struct stat status;

    return (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) ||
           key_file_find_descriptor(path) >= 0;
}

static enum kith_error log_unwritten(const struct options *options, const char *path,
                                     enum kith_error error)
{
    bool of_folder = error == ERR_SYSTEM && (errno == EACCES || errno == EPERM || errno == EROFS ||
                                             errno == ENOENT || errno == ENOTDIR);

    return log_failure(LOG_ERROR, options->what, path, error, NULL,
                       of_folder ? "its folder has to be one that we may write in, or make" : NULL);
}

/*
 * The private file first: whatever happens between the two, kith pubkey makes the other one from
 * it, and no public key is left that nobody holds.
 */
static enum kith_error write_pair(const struct options *options, const char *path, const char *pem,
                                  const char *line)
{
    char public_path[FILE_PATH_SIZE + 4];
    const struct new_file files[] = {{path, pem, PRIVATE_MODE, NULL},
                                     {public_path, line, PUBLIC_MODE, NULL}};
    enum standing private_one, public_one;
    size_t failed;
    enum kith_error error;

    (void)snprintf(public_path, sizeof(public_path), "%s.pub", path);
    if (is_of_other_kind(path) || is_of_other_kind(public_path))
        return log_failure(LOG_ERROR, options->what, is_of_other_kind(path) ? path : public_path,
                           ERR_FILE_OTHER, NULL, NULL);
    private_one = standing_private(path, public_path);
    public_one = standing_public(public_path);
    if (standing_blocks(private_one) || (!options->force && private_one != STANDS_NOTHING))
        return log_existing(options, path, path, private_one);
    if (standing_blocks(public_one) || (!options->force && public_one != STANDS_NOTHING))
        return log_existing(options, path, public_path, public_one);
    error = new_files_write(files, 2, options->force, &failed);
    return error == OK ? OK : log_unwritten(options, files[failed].path, error);
}

static bool is_folder(const char *path)
{
    size_t len = strlen(path);
    struct stat status;

    return path[len - 1] == '/' || (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

/* Whether a private key may be in a file of this name; what is wrong is logged. */
static enum kith_error check_path(const struct options *options, const char *path)
{
    const char *why = "not a name for a private key's file";
    char hint[FILE_PATH_SIZE + 64] =
        "one in .pub is taken for a public key, and - for standard input";
    size_t len = strlen(path);

    if (len == 0) {
        why = "an empty name";
        (void)snprintf(hint, sizeof(hint), "name a file, or none for the default one");
    } else if (agent_is_meant(path)) {
        why = "an agent's key, which kith does not make";
        (void)snprintf(hint, sizeof(hint), "ssh-keygen -t ed25519, then ssh-add");
    } else if (is_folder(path)) {
        why = "a folder";
        while (len > 0 && path[len - 1] == '/')
            len--;
        (void)snprintf(hint, sizeof(hint), "name a file in it: kith keygen %.*s/identity", (int)len,
                       path);
    } else if (strcmp(path, "-") != 0 && !public_key_is_path(path)) {
        return OK;
    }
    return log_failure(LOG_ERROR, options->what, len > 0 || path[0] != '\0' ? path : NULL,
                       ERR_USAGE, why, hint);
}

/* A file of one's own has to be named to each command. */
static void tell_made(const struct options *options, const char *path, const char *name,
                      bool replaced)
{
    const char *given = options->argument_count > 0 ? options->arguments[0] : NULL;
    char hint[3 * NAME_SIZE + FILE_PATH_SIZE];

    (void)snprintf(hint, sizeof(hint),
                   "give that to your peers: they know you as %s, unless they change that word%s%s",
                   name, given != NULL ? "; used by -i " : "", given != NULL ? given : "");
    if (replaced)
        log_event(LOG_NOTE, options->what, path,
                  "made, and replaces what was there; its public key is in the .pub file beside it",
                  "give that to your peers: whoever knows the old key does not know this one");
    else
        log_event(LOG_NOTE, options->what, path,
                  "made; its public key is in the .pub file beside it", hint);
}

/* Whether a secret namespace may be put in a file of this name; what is wrong is logged. */
static enum kith_error check_namespace_path(const struct options *options)
{
    const char *path = options->namespace_file;
    enum standing standing;

    if (strcmp(path, "-") == 0 || is_folder(path))
        return log_failure(LOG_ERROR, options->what, path, ERR_USAGE,
                           "not a name for a secret's file", "name a file that is to be made");
    if (is_of_other_kind(path))
        return log_failure(LOG_ERROR, options->what, path, ERR_FILE_OTHER, NULL, NULL);
    standing = standing_secret(path);
    if (standing_blocks(standing))
        return log_failure(LOG_ERROR, options->what, path, ERR_FILE_EXISTS, NULL, STANDING_HINT);
    if (!options->force && standing != STANDS_NOTHING)
        return log_failure(LOG_ERROR, options->what, path, ERR_FILE_EXISTS, NULL,
                           "name another file; -f would replace it, and whoever has the old secret "
                           "would not have the new one");
    return OK;
}

/* A secret for two sides: random bytes, as a line that can be copied. Nobody is shown it. */
static enum kith_error make_namespace(const struct options *options)
{
    const char *path = options->namespace_file;
    uint8_t bytes[SECRET_BYTES];
    char line[SECRET_LINE_SIZE];
    const struct new_file file = {path, line, PRIVATE_MODE, NULL};
    size_t failed;
    enum kith_error error = check_namespace_path(options);

    if (error != OK)
        return error;
    error = crypto_start_keys();
    if (error == OK)
        error = crypto_random(bytes, sizeof(bytes));
    if (error == OK) {
        crypto_base64_encode(line, bytes, sizeof(bytes));
        memcpy(line + strlen(line), "\n", sizeof("\n"));
        error = new_files_write(&file, 1, options->force, &failed);
    }
    crypto_wipe(bytes, sizeof(bytes));
    crypto_wipe(line, sizeof(line));
    if (error != OK)
        return log_unwritten(options, path, error);
    log_event(LOG_NOTE, options->what, path, "a secret namespace is made",
              "give a copy to the other side, and to nobody else: --namespace-file");
    return OK;
}

enum kith_error command_keygen(const struct options *options)
{
    const char *given = options->argument_count > 0 ? options->arguments[0] : NULL;
    char path[FILE_PATH_SIZE], pem[PKCS8_PEM_SIZE], hex[KEY_HEX_SIZE], name[NAME_SIZE];
    char line[KEY_HEX_SIZE + NAME_SIZE + 2];
    uint8_t public_key[KEY_SIZE];
    struct problem problem;
    bool replaced;
    enum kith_error error;

    if (options->namespace_file != NULL)
        return make_namespace(options);
    if (!own_name(name, options->name, &problem))
        return log_failure(LOG_ERROR, options->what, options->name, ERR_USAGE, problem.why,
                           "-n takes a word that peers can know this key by: -n alice-laptop");
    error = path_of_identity(path, given);
    if (error == OK && check_path(options, path) != OK)
        return ERR_USAGE;
    replaced = error == OK && is_there(path);
    if (error == OK)
        error = crypto_start_keys();
    if (error == OK)
        error = make_pair(pem, public_key);
    if (error != OK)
        return log_failure(LOG_ERROR, options->what, given != NULL ? given : USUAL_IDENTITY, error,
                           NULL, NULL);
    hex_encode(hex, public_key, KEY_SIZE);
    (void)snprintf(line, sizeof(line), "%s %s\n", hex, name);
    error = write_pair(options, path, pem, line);
    crypto_wipe(pem, sizeof(pem));
    if (error == OK) {
        tell_made(options, path, name, replaced);
        (void)fputs(line, stdout);
    }
    return error;
}

/*
 * Read a file of either kind. 64 bare hex digits are a seed or a public key: in a file that is kept
 * as a private key has to be, and that is not named as a public one, they are a seed. To take
 * them for a public key would print the private one.
 */
static enum kith_error read_any(struct key_file *file, const char *path, enum kith_error *unsafe)
{
    enum kith_error error = key_file_read(file, path, KEY_FILE_MAX, KEY_FILE_SECRET);

    *unsafe = OK;
    if (error != ERR_FILE_EXPOSED && error != ERR_FILE_OWNER)
        return error;
    *unsafe = error; /* for a secret: no fault of a public key */
    return key_file_read(file, path, KEY_FILE_MAX, KEY_FILE_PUBLIC);
}

static enum kith_error derive_public(const struct key_file *file, const char *path,
                                     const struct options *options,
                                     uint8_t public_key[static KEY_SIZE])
{
    struct passphrase_source source = {.file = options->passphrase_file, .prompt = path};
    uint8_t seed[KEY_SIZE];
    enum kith_error error = private_key_parse(seed, file->text, file->len, passphrase_ask, &source);

    if (error == ERR_KEY_NO_PASSPHRASE)
        error = source.error;
    if (error == OK)
        error = crypto_ed25519_public(public_key, seed);
    crypto_wipe(seed, sizeof(seed));
    return error;
}

/* The private key cannot be used by other commands as long as this is so. */
static void warn_unsafe(enum kith_error unsafe, const char *path)
{
    char why[96];

    (void)snprintf(why, sizeof(why), "warning: %s", error_text(unsafe));
    if (unsafe != OK)
        log_event(LOG_NOTE, "identity", path, why, error_hint(unsafe));
}

/* The public key of what a file holds, taken first for the kind that it looks like. */
static enum kith_error show_public(const struct key_file *file, const char *path,
                                   enum kith_error unsafe, const struct options *options,
                                   uint8_t public_key[static KEY_SIZE])
{
    char name[NAME_SIZE];
    enum kith_error error = ERR_KEY_PUBLIC;

    if (unsafe == OK && !public_key_is_path(path))
        error = derive_public(file, path, options, public_key);
    if (error == ERR_KEY_PUBLIC)
        error = public_key_parse(public_key, name, file->text, file->len);
    if (error == ERR_KEY_PRIVATE) {
        error = derive_public(file, path, options, public_key);
        warn_unsafe(unsafe, path);
    }
    return error;
}

/* The same of what a path names. */
static enum kith_error read_public(const char *path, const struct options *options,
                                   uint8_t public_key[static KEY_SIZE])
{
    struct identity identity;
    struct key_file file = {0};
    enum kith_error error, unsafe = OK;

    if (agent_is_meant(path)) {
        error = identity_read(&identity, path, NULL);
        memcpy(public_key, identity.public_key, KEY_SIZE);
        return error;
    }
    error = read_any(&file, path, &unsafe);
    if (error == OK)
        error = show_public(&file, path, unsafe, options, public_key);
    key_file_wipe(&file);
    return error;
}

enum kith_error command_pubkey(const struct options *options)
{
    const char *given = options->argument_count > 0 ? options->arguments[0] : NULL;
    char path[FILE_PATH_SIZE], hex[KEY_HEX_SIZE];
    uint8_t public_key[KEY_SIZE];
    enum kith_error error = path_of_identity(path, given);

    if (error != OK)
        return log_failure(LOG_ERROR, "identity", USUAL_IDENTITY, error, NULL, NULL);
    error = crypto_start_keys();
    if (error == OK)
        error = read_public(path, options, public_key);
    if (error != OK)
        return identity_log_failure(error, path, given == NULL);
    hex_encode(hex, public_key, KEY_SIZE);
    (void)printf("%s\n", hex);
    return OK;
}
