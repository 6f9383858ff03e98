/*
 * Our private key, from its file into memory that is locked and left out of core files; or where it
 * is, if an ssh-agent has it.
 */
#ifndef KITH_IDENTITY_H
#define KITH_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/agent.h"

struct identity {
    uint8_t seed[KEY_SIZE];
    bool in_agent; /* there is no seed here, but: */
    struct agent agent;
    uint8_t public_key[KEY_SIZE];
    bool group_readable; /* the file's protection is worth a warning */
    bool published;      /* one of the sample keys that everybody has */
};

/*
 * Read the identity at path; an encrypted one's passphrase comes from passphrase_file, or from
 * the terminal if that is NULL. The errors of key_file_read and private_key_parse (errno is set
 * where they set it); then *identity is wiped. One in an agent (agent_is_meant) is asked for there,
 * for ten seconds: the errors of agent_find.
 */
must_check enum kith_error identity_read(struct identity *identity, const char *path,
                                         const char *passphrase_file);

/*
 * Log what went wrong with the identity at path, which may be the default one, and what to do;
 * errno is still that of the error. ERR_PASSPHRASE_FILE has been logged where that file was read.
 * Returns the error.
 */
enum kith_error identity_log_failure(enum kith_error error, const char *path, bool is_default);

/* Warn about what identity_read found. */
void identity_warn(const struct identity *identity, const char *path);

/* Whether everybody has the private key of this public one, since kith's source shows it. */
bool identity_is_published(const uint8_t public_key[static KEY_SIZE]);

/* Overwrite it; fine twice. */
void identity_wipe(struct identity *identity);

#endif
