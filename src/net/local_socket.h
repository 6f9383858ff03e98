/*
 * UNIX sockets that listen: made for us alone, and removed when we are done.
 */
#ifndef KITH_LOCAL_SOCKET_H
#define KITH_LOCAL_SOCKET_H

#include <sys/types.h>

#include "base/error.h"
#include "net/address.h"

/* The file of one that was made; all zero if there is none. */
struct local_socket {
    char path[PATH_SIZE];
    dev_t device;
    ino_t inode;
};

/*
 * Listen on the path, mode 0600, non-blocking. The socket of a process that is dead is replaced;
 * anything else that is there is left alone: ERR_BIND, and *why says what it is.
 */
must_check enum kith_error local_listen(struct local_socket *local,
                                        const char path[static PATH_SIZE], int *fd,
                                        const char **why);

/* Remove the socket from the file system, if it is still the one that was made. Fine twice. */
void local_remove(struct local_socket *local);

#endif
