/*
 * What those who started us want to know: that a daemon is ready, and its state (--ready-fd;
 * sd_notify(3)).
 */
#ifndef KITH_NOTIFY_H
#define KITH_NOTIFY_H

#include <stdbool.h>

/*
 * Connect to NOTIFY_SOCKET, if there is one: while this process is not confined, since it may not
 * make such sockets after.
 */
void notify_open(void);

/*
 * Tell the state, "READY=1" and the like, to NOTIFY_SOCKET if it is open. What is not taken now is
 * kept until the next state: see notify_again. What is lost is said, once for many. For the main
 * thread.
 */
void notify(const char *state);

/* Try again what was not taken. Whether there still is such a thing. */
bool notify_again(void);

/*
 * Write where we listen, a line for each place, or whom we reached, to the descriptor of --ready-fd
 * (-1 for none), and close it; not stderr, nor 0 and 1 where those are in use. A reader that takes
 * nothing is waited for a second.
 */
void notify_ready_fd(int fd, const char *address, bool standard_in_use);

/* READY=1, and this as the status, which may have any bytes in it. */
void notify_ready(const char *status);

/* The same status alone. */
void notify_status(const char *status);

/* As the status, how many channels are open, and were in all, and more after that. */
void notify_totals(const char *open, const char *all, const char *more);

/* RELOADING=1 with the time that the protocol wants. */
void notify_reloading(void);

#endif
