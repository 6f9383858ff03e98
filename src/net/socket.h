/*
 * Sockets as descriptors: how one is made, and how a connection is set up.
 */
#ifndef KITH_SOCKET_H
#define KITH_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKET_BACKLOG 1024 /* calls that may wait at a listener */

/* A stream socket, non-blocking and closed on exec; -1 with errno. */
int socket_open(int family);

/* Take a call that waits at a listener, as a socket like the above, and tuned; -1 with errno. */
int socket_take_call(int listener, struct sockaddr *from, socklen_t *len);

/* Whether an address means nothing without a zone, and has none. */
bool socket_lacks_zone(const struct sockaddr *address);

/* Why an address could not be listened on or called: a constant, or what strerror gave. */
const char *socket_reason(int system_errno, const struct sockaddr *address);

/* Set an option of a socket, if the system can. */
void socket_set_option(int fd, int level, int name, int value);

/*
 * What a program sends as urgent, by MSG_OOB, is a byte of its stream that its reader would miss.
 * Let it be read in its place.
 */
void socket_inline_urgent(int fd);

/*
 * Set up a connection, or a listener for those that it will accept: every write is sent at once,
 * and a peer that has vanished while nothing is under way is noticed in about a minute; no byte is
 * left out as urgent. What a system lacks of it is left out.
 */
void socket_tune(int fd);

/* Have that noticed within seconds, or as it was. */
void socket_probe_often(int fd, bool often);

/*
 * Whether a peer that has to acknowledge something has said nothing for a minute. Linux has
 * TCP_USER_TIMEOUT for that, but it also ends connections to a peer that is alive and just does
 * not read, as one does whose output is looked at in a pager.
 */
bool socket_peer_is_silent(int fd);

/* Whether it is a socket that carries bytes, and not messages of which a reader may lose a part. */
bool socket_is_stream(int fd);

/* A socket of a stream, or a pipe: what brings bytes in their order, and an end. */
bool socket_can_carry(int fd);

/*
 * Whether the other side of a socket has gone altogether: it takes nothing any more, and says
 * nothing beyond what is here.
 */
bool socket_has_gone(int fd);

/* Whether the other side of a socket says nothing any more, and all that it has said is read. */
bool socket_is_deserted(int fd);

/* Whether a socket was reset: whoever was there has not read all that its system had taken. */
bool socket_was_reset(int fd);

/*
 * The user whom a UNIX socket was connected by, as a number that is not 0; the same for all users
 * where the system does not tell.
 */
uint64_t socket_user(int fd);

/* Bytes that the other side has not taken yet; -1 where that cannot be known. */
int socket_queued(int fd);

/* Whether it is a UNIX socket. */
bool socket_is_unix(int fd);

/*
 * The same for TCP, where they are lost if the other side resets the connection, or we do; 0 for
 * other sockets, where nothing is. Our end counts as one.
 */
int socket_unacknowledged(int fd);

/*
 * Decide what the other side sees when the descriptor is closed, by us or because we were killed:
 * a reset, so that it does not take a part for the whole, or an end.
 */
void socket_reset_on_close(int fd, bool reset);

#endif
