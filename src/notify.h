/*
 * What a supervisor gives a daemon and wants to know of it: sockets that are open already, and
 * messages about its state (sd_listen_fds(3), sd_notify(3)).
 */
#ifndef KITH_NOTIFY_H
#define KITH_NOTIFY_H

#include <stdbool.h>

#include "error.h"
#include "net.h"

/*
 * Connect to NOTIFY_SOCKET, if there is one: while this process is not confined, since it may not
 * make such sockets after.
 */
void notify_open(void);

/*
 * Tell the state, "READY=1" and the like, to NOTIFY_SOCKET if it is open. What is not taken now is
 * kept until the next state: see notify_again. For the main thread.
 */
void notify(const char *state);

/* Try again what was not taken. Whether there still is such a thing. */
bool notify_again(void);

/* READY=1, and where we listen as the status. */
void notify_ready(const char *address);

/* RELOADING=1 with the time that the protocol wants. */
void notify_reloading(void);

/* The descriptors that LISTEN_FDS passes to this process; one more than we can take at most. */
size_t notify_passed(int fds[static NET_LISTENERS_MAX + 1]);

/*
 * Take the listening sockets of LISTEN_FDS, if they are for this process: listeners->count stays
 * 0 if there are none. ERR_BIND if one of them does not listen.
 */
must_check enum kith_error notify_take_listeners(struct net_listeners *listeners);

#endif
