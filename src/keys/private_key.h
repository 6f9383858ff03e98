/*
 * Private keys as text: PKCS#8 PEM (also encrypted), OpenSSH's format, 64 hex digits.
 */
#ifndef KITH_PRIVATE_KEY_H
#define KITH_PRIVATE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"

/*
 * Find the seed in len bytes of text, whatever of the known forms it is in. Blanks, CRLF and a
 * missing last newline are forgiven, and PEM may have lost its line breaks (keys/pem.h). ask (with
 * context) is called for an encrypted PKCS#8 key. On error the seed is wiped: ERR_FILE_TOO_LARGE
 * over KEY_FILE_MAX, ERR_FILE_NUL, ERR_FILE_EMPTY, ERR_KEY_FORMAT (also for several keys),
 * ERR_KEY_FRAME, ERR_KEY_PUBLIC,
 * ERR_KEY_OPENSSH_ENCRYPTED, and those of pkcs8_encrypted_key.
 */
must_check enum kith_error private_key_parse(uint8_t seed[static KEY_SIZE], const char *text,
                                             size_t len, crypto_passphrase *ask, void *context);

#endif
