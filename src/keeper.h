/*
 * The keeper: a process of its own that holds the private key and signs handshakes with it, so
 * that the process which faces the network never has it.
 */
#ifndef KITH_KEEPER_H
#define KITH_KEEPER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "handshake.h"

struct keeper {
    int fd; /* our end of the line to it; -1 when there is none */
    pid_t process;
    struct signer signer; /* asks it: safe for threads */
};

/*
 * Fork the keeper, which reads the identity at path (see identity_read) and signs handshakes
 * under this namespace and nothing else, until the line is closed. Before any thread starts. What
 * is wrong with the identity it says itself; its error is returned. The struct must not move.
 */
must_check enum kith_error keeper_start(struct keeper *keeper, const char *path,
                                        const char *passphrase_file, const uint8_t *namespace,
                                        size_t namespace_len);

/* Close the line, at which the keeper ends, and wait for that. Fine twice. */
void keeper_stop(struct keeper *keeper);

#endif
