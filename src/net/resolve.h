/*
 * Names to addresses, under a deadline.
 */
#ifndef KITH_RESOLVE_H
#define KITH_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

/*
 * All stream addresses of a host and port (or of every address here, for an empty host and
 * passive) in the order in which to try them; free with resolve_free. family is AF_UNSPEC,
 * AF_INET or AF_INET6. ERR_RESOLVE: *why is then the system's reason, a constant;
 * ERR_CONNECT_TIMEOUT when the deadline passed; ERR_MEMORY; ERR_PROCESS. A name is asked of a
 * process of its own, which is made for it: before any thread, unless resolve_by was called. Safe
 * for threads.
 */
must_check enum kith_error resolve(const struct address *address, int family, bool passive,
                                   int64_t deadline_ms, struct addrinfo **list, const char **why);

/* Free a list; fine on NULL. */
void resolve_free(struct addrinfo *list);

/* From here on ask who answers at this line (see helpers/lookup.h), a non-blocking one. */
void resolve_by(int line);

/* What is asked there, in one message, with the writing end of a pipe for the answer. */
struct resolve_question {
    struct address address;
    int family;
    bool passive;
    int64_t left_ms; /* until nobody waits for it any longer */
};

/* Find the answer, and write it to the pipe, unless its other end is closed; for who answers. Takes
 * as long as the resolver does, but not much longer than the question says: the process then ends.
 */
void resolve_answer(struct resolve_question *question, int fd);

#endif
