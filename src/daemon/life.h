/*
 * The life of a connection of a daemon: its thread, and its end.
 */
#ifndef KITH_LIFE_H
#define KITH_LIFE_H

#include "daemon/connections.h"
#include "daemon/daemon.h"

/*
 * Have it run in a thread, by the daemon's hook. If there is none that is said, and it is over.
 */
void life_begin(struct daemon *daemon, struct connection *connection);

/* One that no thread has is over: what it came by and its kept channel are closed, and it is freed.
 */
void life_leave(struct daemon *daemon, struct connection *connection);

#endif
