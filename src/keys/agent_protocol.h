/*
 * What is said to an ssh-agent, and what it says (draft-miller-ssh-agent): bytes in, bytes out. A
 * message is its length len in four bytes, and len bytes, of which the first is its type.
 */
#ifndef KITH_AGENT_PROTOCOL_H
#define KITH_AGENT_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "keys/openssh_key.h"

#define AGENT_LENGTH_SIZE 4
#define AGENT_LIST_MAX 262144 /* bytes of a list of keys; what OpenSSH's own agent says at most */
#define AGENT_SIGNATURE_MAX                                                                        \
    256                       /* bytes of a message with a signature, of which one of ours has 92 */
#define AGENT_SIGNED_MAX 4096 /* bytes that are signed */

/* Room for a request to sign len bytes; to list the keys takes less. */
#define AGENT_REQUEST_SIZE(len)                                                                    \
    (AGENT_LENGTH_SIZE + 1 + 4 + OPENSSH_BLOB_SIZE + 4 + (size_t)(len) + 4)

/* Which of the agent's keys is meant. */
struct agent_wanted {
    bool by_key; /* this one, or: */
    uint8_t key[KEY_SIZE];
    struct text comment; /* the one of this comment; empty: the only Ed25519 key */
};

/*
 * Read which one: 64 hex digits, an ssh-ed25519 line or the base64 in it, else it is a comment;
 * text has to outlive *wanted. ERR_AGENT_TOKEN for a line of a key of a FIDO token, and the errors
 * of public_key_scan.
 */
must_check enum kith_error agent_wanted_parse(struct agent_wanted *wanted, const char *text);

/* Write a request; returns its length. One to sign has at most AGENT_SIGNED_MAX bytes to sign. */
size_t agent_put_list_request(uint8_t out[static AGENT_LENGTH_SIZE + 1]);
size_t agent_put_sign_request(uint8_t *out, const uint8_t key[static KEY_SIZE],
                              const uint8_t *message, size_t len);

/*
 * Find the key that is wanted in the answer to a request for the list, without its length in front.
 * ERR_AGENT_REFUSED, ERR_AGENT_MALFORMED; ERR_AGENT_EMPTY if there is no Ed25519 key,
 * ERR_AGENT_NONE if there is none such, ERR_AGENT_SEVERAL, ERR_AGENT_TOKEN or ERR_KEY_TYPE if only
 * such keys fit; ERR_KEY_POINT.
 */
must_check enum kith_error agent_get_key(uint8_t key[static KEY_SIZE], const uint8_t *body,
                                         size_t len, const struct agent_wanted *wanted);

/* Find the signature in the answer to the other. ERR_AGENT_REFUSED, ERR_AGENT_MALFORMED. */
must_check enum kith_error agent_get_signature(uint8_t signature[static SIGNATURE_SIZE],
                                               const uint8_t *body, size_t len);

#endif
