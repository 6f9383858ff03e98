/*
 * The keeper: a process of its own that holds the private key and signs handshakes with it, so
 * that the process which faces the network never has it.
 */
#ifndef KITH_KEEPER_H
#define KITH_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "peers/peers.h"
#include "protocol/handshake.h"

/* What the keeper is told when it starts. */
struct keeper_task {
    const char *identity; /* see identity_read */
    bool identity_is_default;
    const char *passphrase_file; /* or NULL */
    const uint8_t *namespace;
    size_t namespace_len;
    bool listens;             /* answers calls: its Infos have a tag; or calls: they have none */
    const char *const *files; /* public ones that it opens again on request */
    size_t file_count;

    /*
     * Called in the keeper, to read the peers of this run again: into an empty set, which stays
     * empty on error. own_key is that of the identity.
     */
    enum kith_error (*read_peers)(const void *context, const uint8_t own_key[static KEY_SIZE],
                                  struct peers *peers);
    const void *context;
};

struct keeper {
    int fd;               /* our end of the line to it; -1 when there is none */
    pid_t process;        /* or -1: none to wait for */
    struct signer signer; /* asks it: safe for threads */
};

/*
 * Fork the keeper, which reads the identity and signs handshakes under this namespace, of this
 * moment, with the peers of this run, and nothing else, until the line is closed. Before any thread
 * starts, and after crypto_start_keys. keeper_await has to follow. A failure is logged.
 */
must_check enum kith_error keeper_start(struct keeper *keeper, const struct keeper_task *task);

/*
 * Wait until it has the key; then the signer can be used. What is wrong with the identity it says
 * itself, so nothing else is logged before; its error is returned. The struct must not move.
 */
must_check enum kith_error keeper_await(struct keeper *keeper);

/*
 * Tell it the peers of this run: it signs for them, and for nobody else. Once, and before anything
 * comes from outside: until then it signs for nobody, and after that it is not told again. A
 * failure is logged.
 */
must_check enum kith_error keeper_tell_peers(struct keeper *keeper, const struct peers *peers);

/*
 * Have it read the peers again, by itself: whoever has taken us over cannot choose them. If they
 * cannot be read, those that it has stay. Nothing is logged.
 */
must_check enum kith_error keeper_reload(struct keeper *keeper);

/*
 * Open one of the task's files, by the path it has there: a confined process cannot, since the
 * identity may be in the same folder. A descriptor, or -1 and errno. Safe for threads.
 */
int keeper_open(struct keeper *keeper, const char *path);

/* Close the line, at which the keeper ends in its own time; nobody waits for that. Fine twice. */
void keeper_dismiss(struct keeper *keeper);

/* Close the line, and wait for the keeper's end, unless it was stopped. Fine twice. */
void keeper_stop(struct keeper *keeper);

#endif
