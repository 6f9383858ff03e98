/*
 * UNIX sockets that listen: made for us alone, and removed when we are done.
 */
#ifndef KITH_LOCAL_SOCKET_H
#define KITH_LOCAL_SOCKET_H

#include "net.h"

/*
 * Listen on the path, mode 0600. The socket of a process that is dead is replaced; anything else
 * that is there is left alone: ERR_BIND, and *why says what it is.
 */
must_check enum kith_error local_listen(struct net_listeners *listeners,
                                        const struct address *address, const char **why);

/* Remove the socket from the file system, if it is still the one that was made. Fine twice. */
void local_remove(struct net_listeners *listeners);

#endif
