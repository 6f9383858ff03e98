/*
 * Owns the step from the key file to the key. Must never leave a copy of the seed behind.
 */
#include "keys/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "keys/passphrase.h"
#include "keys/private_key.h"

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

enum kith_error identity_read(struct identity *identity, const char *path,
                              const char *passphrase_file)
{
    struct passphrase_source source = {.file = passphrase_file, .prompt = path};
    struct key_file file = {0};
    enum kith_error error;
    int saved;

    memset(identity, 0, sizeof(*identity));
    error = key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_SECRET);
    saved = errno;
    if (error == OK) {
        identity->group_readable = file.group_readable;
        error = private_key_parse(identity->seed, file.text, file.len, passphrase_ask, &source);
    }
    if (error == ERR_KEY_NO_PASSPHRASE)
        error = source.error;
    if (error == OK)
        error = crypto_ed25519_public(identity->public_key, identity->seed);
    if (error == OK)
        identity->published = identity_is_published(identity->public_key);
    else
        identity_wipe(identity);
    key_file_wipe(&file);
    errno = saved;
    return error;
}

void identity_complain(enum kith_error error, const char *path, int system_errno)
{
    const char *why = error == ERR_SYSTEM ? strerror(system_errno) : error_text(error);
    const char *hint = error == ERR_FILE_MISSING ? "make one with: kith keygen" : error_hint(error);

    if (error != ERR_PASSPHRASE_FILE)
        log_event(LOG_ERROR, "identity", path, why, hint);
}

/* systemd keeps credentials in a folder that only the service can enter, with modes of its own. */
static bool is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    return folder != NULL && folder[0] != '\0' && strncmp(path, folder, strlen(folder)) == 0;
}

void identity_warn(const struct identity *identity, const char *path)
{
    if (identity->group_readable && !is_credential(path))
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
