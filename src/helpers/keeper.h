/*
 * The keeper: a process of its own that holds the private key and signs handshakes with it, or the
 * way to an agent that does, so that the process which faces the network never has it.
 */
#ifndef KITH_KEEPER_H
#define KITH_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/helper.h"
#include "peers/peers.h"
#include "protocol/kind.h"

/* What the keeper is told when it starts. */
struct keeper_task {
    const char *identity; /* see identity_read */
    bool identity_is_default;
    const char *passphrase_file; /* or NULL */
    int64_t agent_timeout_ms;    /* for each signature that an agent makes, if one has the key */
    struct namespace namespace;  /* which may be a secret, and is locked there, too */
    bool meets;       /* a run of one meeting, which has no other namespace, and no other peers */
    kind_set listens; /* answers calls of these kinds: its Infos have a tag */
    kind_set calls;   /* and makes such calls: they have none */

    /*
     * Called in the keeper, to read the peers of this run again: into an empty set, which stays
     * empty on error. own_key is that of the identity.
     */
    enum kith_error (*read_peers)(const void *context, const uint8_t own_key[static KEY_SIZE],
                                  struct peers *peers);
    const void *context;
};

struct keeper {
    struct helper helper;
    uint8_t public_key[KEY_SIZE];
};

/*
 * Fork the keeper, which reads the identity and signs handshakes under this namespace, of this
 * moment, with the peers of this run, and nothing else, until the line is closed. Before any thread
 * starts, and after crypto_start_keys. keeper_await has to follow. A failure is logged.
 */
must_check enum kith_error keeper_start(struct keeper *keeper, const struct keeper_task *task);

/*
 * Wait until it has the key; then it can be asked. What is wrong with the identity it says itself,
 * so nothing else is logged before; its error is returned.
 */
must_check enum kith_error keeper_await(struct keeper *keeper);

/*
 * Tell it the peers of this run: it signs for them, and for nobody else. Once, and before anything
 * comes from outside: until then it signs for nobody, and after that it is not told again. A
 * failure is logged.
 */
must_check enum kith_error keeper_tell_peers(struct keeper *keeper, const struct peers *peers);

/*
 * The same in a run that meets: whom it has met, and the digest that both have; it signs for that
 * one, under the namespace that this makes, and for nobody before. Once. A failure is logged.
 */
must_check enum kith_error keeper_tell_meeting(struct keeper *keeper,
                                               const uint8_t digest[static HASH_SIZE],
                                               const uint8_t key[static KEY_SIZE]);

/*
 * Ask it to sign an encoded Info for a channel of a kind; and to read the peers again, by itself:
 * whoever has taken us over cannot choose them. If they cannot be read, those that it has stay.
 * Returns the descriptor to poll, as question_ask does.
 */
int keeper_ask_to_sign(const struct keeper *keeper, enum channel_kind kind, const uint8_t *info,
                       size_t info_len);
int keeper_ask_to_reload(const struct keeper *keeper);

/*
 * Take the answer to one of them, unless it is not here yet, which is false. ERR_KEEPER: it
 * refused, or is gone; those of agent_sign and signing_answer. signature may be NULL.
 */
must_check bool keeper_answers(int fd, enum kith_error *error, uint8_t *signature);

#endif
