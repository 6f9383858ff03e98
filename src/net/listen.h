/*
 * TCP and UNIX sockets that listen, and the calls that come there.
 */
#ifndef KITH_LISTEN_H
#define KITH_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/resolve.h"
#include "net/unix_socket.h"

#define LISTENERS_MAX 8

/* Sockets that wait for calls: one for each address of the name. */
struct listeners {
    int fds[LISTENERS_MAX];
    size_t count;
    char text[ADDRESS_TEXT_SIZE]; /* the first one's address in use; ":9000" for every address */
    struct unix_socket made;      /* that is ours to remove, if it is a UNIX socket */
};

/* What an address without a host stands for. */
enum listen_scope { LISTEN_EVERYWHERE, LISTEN_LOOPBACK };

/*
 * Listen, non-blocking, on every address that is meant, but for those of a family that the system
 * lacks. A path is listened on as a UNIX socket of mode 0600, in the place of one that a dead
 * process has left behind. What a host that is a name stands for is given; else NULL. ERR_RESOLVE,
 * ERR_BIND: problem then says why, and the text is the address that would not do. On error nothing
 * is open.
 */
must_check enum kith_error listeners_open(struct listeners *listeners,
                                          const struct address *address,
                                          const struct resolved *named,
                                          const struct net_options *options,
                                          enum listen_scope scope, struct problem *problem);

/* Set the text to the address in use of the first one. */
void listeners_describe(struct listeners *listeners);

/* Close them; fine twice. */
void listeners_close(struct listeners *listeners);

/*
 * Take a call that waits, non-blocking and tuned. False, with errno, if there is none: EAGAIN, or
 * EMFILE and its kin when the machine has no room.
 */
bool listeners_accept(int listener, int *fd, struct endpoint *from);

#endif
