/*
 * UNIX sockets that listen: made for us alone, and removed when we are done.
 */
#ifndef KITH_UNIX_SOCKET_H
#define KITH_UNIX_SOCKET_H

#include <sys/types.h>

#include "base/error.h"
#include "base/problem.h"
#include "net/address.h"

/* The file of one that was made; all zero if there is none. */
struct unix_socket {
    char path[PATH_SIZE];
    dev_t device;
    ino_t inode;
};

/*
 * Listen on the path, mode 0600, non-blocking. A socket at which nobody listens is
 * replaced; anything else that is there is left alone: ERR_BIND, and problem says what it is.
 */
must_check enum kith_error unix_socket_listen(struct unix_socket *made,
                                              const char path[static PATH_SIZE], int *fd,
                                              struct problem *problem);

/*
 * Why nobody can be called at a path: what is there is no socket. NULL if it is one, or there is
 * nothing yet.
 */
const char *unix_socket_obstacle(const char *path);

/* Remove the socket from the file system, if it is still the one that was made. Fine twice. */
void unix_socket_remove(struct unix_socket *made);

#endif
