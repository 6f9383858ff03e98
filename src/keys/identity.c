/*
 * Owns the step from the key file to the key. Must never leave a copy of the seed behind.
 */
#include "keys/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "keys/passphrase.h"
#include "keys/private_key.h"
#include "keys/public_key.h"

/* The public keys of keys/: their private keys are published with the source. */
static const char *const published_keys[] = {
    "8e743c4371ef889148a5b102dc3be1127a2efbc6eb5e57ea3e333ecb4c0dc84e", /* alice */
    "05c6cf01ce71335e6b9e8185905f3461f0be2ac7b0dd5851b6db25eb0e61326c", /* bob */
};

bool identity_is_published(const uint8_t public_key[static KEY_SIZE])
{
    char hex[KEY_HEX_SIZE];

    hex_encode(hex, public_key, KEY_SIZE);
    for (size_t i = 0; i < sizeof(published_keys) / sizeof(published_keys[0]); i++) {
        if (strcmp(hex, published_keys[i]) == 0)
            return true;
    }
    return false;
}

/*
 * Whether a file that is to be an identity holds a public key. 64 bare digits are a seed, but for
 * those in a file that is named as a public key's is.
 */
static bool is_public(const struct key_file *file, const char *path)
{
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    enum kith_error error = private_key_parse(key, file->text, file->len, passphrase_refuse, NULL);

    if (error == OK && public_key_is_path(path) &&
        public_key_parse(key, name, file->text, file->len) == OK)
        error = ERR_KEY_PUBLIC;
    crypto_wipe(key, sizeof(key));
    return error == ERR_KEY_PUBLIC;
}

/* A public key is no secret: that it is one counts more than that others can read it. */
static enum kith_error read_key_file(struct key_file *file, const char *path)
{
    enum kith_error error = key_file_read(file, path, KEY_FILE_MAX, KEY_FILE_SECRET);
    enum kith_error again = error;

    if (error == ERR_FILE_EXPOSED || error == ERR_FILE_OWNER)
        again = key_file_read(file, path, KEY_FILE_MAX, KEY_FILE_PUBLIC);
    if (again == OK && is_public(file, path))
        return ERR_KEY_PUBLIC;
    return error;
}

static enum kith_error find_in_agent(struct identity *identity, const char *path)
{
    enum kith_error error = agent_find(&identity->agent, path, clock_deadline_ms(AGENT_ANSWER_MS));

    identity->in_agent = true;
    memcpy(identity->public_key, identity->agent.key, KEY_SIZE);
    return error;
}

static enum kith_error read_file(struct identity *identity, const char *path,
                                 const char *passphrase_file)
{
    struct passphrase_source source = {.file = passphrase_file, .prompt = path};
    struct key_file file = {0};
    enum kith_error error;
    int saved;

    error = read_key_file(&file, path);
    saved = errno;
    if (error == OK) {
        identity->group_readable = file.group_readable;
        error = private_key_parse(identity->seed, file.text, file.len, passphrase_ask, &source);
    }
    if (error == ERR_KEY_NO_PASSPHRASE)
        error = source.error;
    if (error == OK)
        error = crypto_ed25519_public(identity->public_key, identity->seed);
    key_file_wipe(&file);
    errno = saved;
    return error;
}

enum kith_error identity_read(struct identity *identity, const char *path,
                              const char *passphrase_file)
{
    enum kith_error error;

    memset(identity, 0, sizeof(*identity));
    error = agent_is_meant(path) ? find_in_agent(identity, path)
                                 : read_file(identity, path, passphrase_file);
    if (error == OK)
        identity->published = identity_is_published(identity->public_key);
    else
        identity_wipe(identity);
    return error;
}

/* What to do about the identity at path: how to make one, or where it is. */
static const char *advice(char out[static FILE_PATH_SIZE + 64], enum kith_error error,
                          const char *path, bool is_default)
{
    bool may_be_made = !public_key_is_path(path) && key_file_descriptor(path) < 0;

    if (error == ERR_KEY_PUBLIC && public_key_is_path(path))
        (void)snprintf(out, FILE_PATH_SIZE + 64, "the private key should be beside it: %.*s",
                       (int)strlen(path) - 4, path);
    else if (error == ERR_FILE_MISSING && is_default)
        return "make one with: kith keygen";
    else if (error == ERR_KEY_TYPE && agent_is_meant(path))
        return "an Ed25519 key: ssh-keygen -t ed25519, then ssh-add";
    else if (error == ERR_AGENT_SILENT) /* nothing is signed yet, and this has its own deadline */
        return "is it stopped, or busy with another question? ssh-add -l asks it, too";
    else if (error == ERR_FILE_MISSING && strcmp(path, "agent") == 0)
        return "a key that an agent has is named with a colon: -i agent:";
    else if (error == ERR_FILE_MISSING && may_be_made)
        (void)snprintf(out, FILE_PATH_SIZE + 64, "make one with: kith keygen %s", path);
    else
        return NULL; /* that of the error */
    return out;
}

enum kith_error identity_log_failure(enum kith_error error, const char *path, bool is_default)
{
    const char *detail = NULL;
    char reason[PATH_SIZE + 64], room[FILE_PATH_SIZE + 64];

    if (error == ERR_PASSPHRASE_FILE)
        return error;
    if (error == ERR_AGENT_UNREACHED) {
        (void)snprintf(reason, sizeof(reason), "%s: %s", getenv("SSH_AUTH_SOCK"), strerror(errno));
        detail = reason;
    }
    if (path[0] == '\0')
        return log_failure(LOG_ERROR, "identity", NULL, ERR_NAME_EMPTY, NULL, NULL);
    return log_failure(LOG_ERROR, "identity", strcmp(path, "agent:") == 0 ? "agent" : path, error,
                       detail, advice(room, error, path, is_default));
}

void identity_warn(const struct identity *identity, const char *path)
{
    if (identity->group_readable && !key_file_is_credential(path))
        log_event(LOG_NOTE, "identity", path, "warning: its group can read this private key",
                  "chmod 600 it, unless that is meant");
    if (identity->published)
        log_event(LOG_NOTE, "identity", path,
                  "warning: a sample key that is published with kith: everybody has it",
                  "make one of your own with: kith keygen");
}

void identity_wipe(struct identity *identity)
{
    crypto_wipe(identity, sizeof(*identity));
}
