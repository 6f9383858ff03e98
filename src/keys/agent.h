/*
 * A private key that an ssh-agent holds: which one it is, and what it signs. We never have it.
 */
#ifndef KITH_AGENT_H
#define KITH_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/address.h"

struct agent {
    char path[PATH_SIZE]; /* of its socket */
    uint8_t key[KEY_SIZE];
};

#define AGENT_ANSWER_MS 10000 /* until an agent has shown its keys */

/* Whether an identity is one in an agent: "agent:", and maybe which. */
bool agent_is_meant(const char *identity);

/*
 * Ask the agent at SSH_AUTH_SOCK for the key that such an identity names (agent_wanted_parse).
 * ERR_AGENT_UNSET, ERR_AGENT_PATH, the errors of asking (below), and those of agent_wanted_parse
 * and agent_get_key.
 */
must_check enum kith_error agent_find(struct agent *agent, const char *identity,
                                      int64_t deadline_ms);

/*
 * Have it sign up to AGENT_SIGNED_MAX bytes, on a connection of its own, so that an agent that was
 * started anew is found again, and any number of threads may ask. A signature that is not by this
 * key over these bytes is ERR_AGENT_SIGNATURE. ERR_AGENT_UNREACHED (errno says why),
 * ERR_AGENT_OWNER, ERR_AGENT_CUT, ERR_AGENT_SILENT, ERR_AGENT_MALFORMED, ERR_AGENT_REFUSED.
 */
must_check enum kith_error agent_sign(const struct agent *agent,
                                      uint8_t signature[static SIGNATURE_SIZE],
                                      const uint8_t *message, size_t len, int64_t deadline_ms);

#endif
