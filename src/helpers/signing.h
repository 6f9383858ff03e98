/*
 * For the keeper: what makes its signatures. Either a key that it has, at once, or an ssh-agent,
 * which may take its time, and be asked for another one meanwhile.
 */
#ifndef KITH_SIGNING_H
#define KITH_SIGNING_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "keys/identity.h"

/* The keeper's answer to any question: with a signature, if that was asked for. */
struct keeper_answer {
    int32_t error;
    uint8_t signature[SIGNATURE_SIZE];
};

struct signing {
    struct crypto_signer *signer; /* or NULL: an agent is asked, */
    struct agent agent;
    int64_t timeout_ms; /* until it has answered */
    pthread_mutex_t lock;
    struct to_sign
        *first; /* of those that wait for one of the threads; as what follows, under it */
    size_t waiting;
    size_t asking; /* threads that ask it */
};

/* Take the key out of the identity, which is wiped. ERR_MEMORY. */
must_check enum kith_error signing_begin(struct signing *signing, struct identity *identity,
                                         int64_t timeout_ms);

/*
 * Sign a message of up to AGENT_SIGNED_MAX bytes, and answer to this descriptor, which is closed:
 * of an agent in a thread, of which there are 64 at most; eight times as many wait for one.
 */
void signing_answer(struct signing *signing, const uint8_t *message, size_t len, int fd);

/* Wipe the key, if there is one. */
void signing_end(struct signing *signing);

#endif
