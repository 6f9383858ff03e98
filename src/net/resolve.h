/*
 * Names to addresses, by the system's resolver, which takes as long as it likes: for a process
 * that does nothing else (helpers/lookup.h). What needs no name is found at once.
 */
#ifndef KITH_RESOLVE_H
#define KITH_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"

/* An address of a socket, of which len bytes count. */
struct socket_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } at;
};

#define RESOLVED_MAX 32 /* addresses of one name that are of use */

/* What was found: addresses in the order in which to try them. */
struct resolved {
    int result; /* of getaddrinfo */
    int system_errno;
    size_t count;
    struct socket_address list[RESOLVED_MAX];
};

/* How to reach the network; what -4, -6 and --source say. */
struct net_options {
    int family;                    /* AF_UNSPEC, AF_INET or AF_INET6 */
    const struct resolved *source; /* addresses of ours to call from, or NULL */
    bool first_with_syn;           /* our hello may be sent before we know that anybody is there */
    bool reset_on_close;           /* from its first moment: nothing was carried, which is no end */
};

/*
 * All stream addresses of a host and port. family is AF_UNSPEC, AF_INET or AF_INET6. Passive: to
 * listen on; every address here, for an empty host. ERR_RESOLVE, ERR_MEMORY: problem (or NULL)
 * then says why.
 */
must_check enum kith_error resolve(const struct address *address, int family, bool passive,
                                   struct resolved *found, struct problem *problem);

/* The parts of it, for the one that is asked and the one that asks. Resolve, to call: */
void resolve_name(const struct address *address, int family, struct resolved *found);

/* The same without asking anybody; false if that is needed. */
bool resolve_number(const struct address *address, int family, struct resolved *found);

/* Whether it can be an answer: the one that gave it may be in somebody else's hands. */
bool resolved_is_sound(const struct resolved *found);

/* What came of it, as resolve() returns it. */
must_check enum kith_error resolved_outcome(const struct resolved *found,
                                            const struct address *address, struct problem *problem);

#endif
