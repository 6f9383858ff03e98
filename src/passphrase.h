/*
 * Asking for a passphrase: from a file that holds it, or on the terminal without echo.
 */
#ifndef KITH_PASSPHRASE_H
#define KITH_PASSPHRASE_H

#include <stdbool.h>

/* Where to get it from. */
struct passphrase_source {
    const char *file;   /* its first line, or NULL to ask on the terminal */
    const char *prompt; /* what it is for: the key's path */
    bool failed;        /* set when the file could not be used */
};

/*
 * A crypto_passphrase (crypto.h) whose context is a struct passphrase_source. Returns the length,
 * or -1 when there is no terminal, or the file cannot be read, which is
 * logged.
 */
int passphrase_ask(char *out, int size, void *source);

#endif
