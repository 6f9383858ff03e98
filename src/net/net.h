/*
 * TCP and UNIX sockets that listen, and the calls that come there.
 */
#ifndef KITH_NET_H
#define KITH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/local_socket.h"
#include "net/resolve.h"

/* How to reach the network; what -4, -6 and --source say. */
struct net_options {
    int family;                    /* AF_UNSPEC, AF_INET or AF_INET6 */
    const struct resolved *source; /* addresses of ours to call from, or NULL */
    bool first_with_syn;           /* our hello may be sent before we know that anybody is there */
};

#define NET_LISTENERS_MAX 8

/* Sockets that wait for calls: one for each address of the name. */
struct net_listeners {
    int fds[NET_LISTENERS_MAX];
    size_t count;
    char text[ADDRESS_TEXT_SIZE]; /* the first one's address in use; ":9000" for every address */
    struct local_socket local;    /* that is ours to remove, if it is a UNIX socket */
};

/* What an address without a host stands for. */
enum net_scope { NET_EVERYWHERE, NET_LOOPBACK };

/*
 * Listen, non-blocking, on every address that is meant, but for those of a family that the system
 * lacks. A path is listened on as a UNIX socket of mode 0600, in the place of one that a dead
 * process has left behind. ERR_RESOLVE, ERR_BIND: *why is then the reason, a constant or what
 * strerror gave, and the text is the address that would not do. On error nothing is open.
 */
must_check enum kith_error net_listen(struct net_listeners *listeners,
                                      const struct address *address,
                                      const struct net_options *options, enum net_scope scope,
                                      const char **why);

/* Set the text to the address in use of the first one. */
void net_describe_listener(struct net_listeners *listeners);

/* Close them; fine twice. */
void net_listeners_close(struct net_listeners *listeners);

/*
 * Take a call that waits, non-blocking and tuned. False, with errno, if there is none: EAGAIN, or
 * EMFILE and its kin when the machine has no room.
 */
bool net_accept(int listener, int *fd, struct endpoint *from);

#endif
