/*
 * OpenSSH's containers for keys: the blob of a public key (RFC 8709) and "openssh-key-v1", the
 * format of private ones (PROTOCOL.key in OpenSSH's sources).
 */
#ifndef KITH_OPENSSH_KEY_H
#define KITH_OPENSSH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/pem.h"
#include "keys/ssh_reader.h"

#define OPENSSH_ED25519 "ssh-ed25519"

/* The blob of an Ed25519 public key: two strings, of 11 and 32 bytes. */
#define OPENSSH_BLOB_SIZE (4 + sizeof OPENSSH_ED25519 - 1 + 4 + KEY_SIZE)

/* Whether the word names a type of key as OpenSSH writes it, Ed25519 or not. */
bool openssh_is_key_type(struct text word);

/* The key in a blob. ERR_KEY_TYPE for another type than Ed25519, ERR_KEY_DAMAGED. */
must_check enum kith_error openssh_public_blob(uint8_t key[static KEY_SIZE],
                                               struct ssh_reader blob);

/* The key in the base64 of an ssh-ed25519 line. ERR_KEY_DAMAGED if it is not that. */
must_check enum kith_error openssh_public_key(uint8_t key[static KEY_SIZE], struct text base64);

/*
 * The seed in the lines of base64 of an OPENSSH PRIVATE KEY. ERR_KEY_TYPE for another type than
 * Ed25519, ERR_KEY_OPENSSH_ENCRYPTED, ERR_KEY_FORMAT if it holds several keys, ERR_KEY_DAMAGED;
 * ERR_FILE_TOO_LARGE over KEY_FILE_MAX.
 */
must_check enum kith_error openssh_private_key(uint8_t seed[static KEY_SIZE], struct text body);

#endif
