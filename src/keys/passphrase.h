/*
 * Asking for a passphrase: from a file that holds it, or on the terminal without echo.
 */
#ifndef KITH_PASSPHRASE_H
#define KITH_PASSPHRASE_H

#include "base/error.h"

/* Where to get it from. */
struct passphrase_source {
    const char *file;      /* its first line, or NULL to ask on the terminal */
    const char *prompt;    /* what it is for: the key's path */
    enum kith_error error; /* why there is none, once asking has failed */
};

/*
 * A crypto_passphrase (crypto/crypto.h) whose context is a struct passphrase_source. Returns the
 * length, or -1: then error is ERR_KEY_NO_PASSPHRASE (no terminal), ERR_PASSPHRASE_ENDED (the
 * terminal's end was typed), ERR_PASSPHRASE_LONG (it does not fit), or ERR_PASSPHRASE_FILE: what is
 * wrong with the file is logged. For one asker at a time.
 */
int passphrase_ask(char *out, int size, void *source);

/* The same where only the kind of a key is of interest: always -1. */
int passphrase_refuse(char *out, int size, void *nothing);

#endif
