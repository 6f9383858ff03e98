/*
 * What carries bytes to the other machine: one descriptor for both directions, or one for each.
 * A program that is asked for as the way there has a line of its own, which goes with them.
 */
#ifndef KITH_TRANSPORT_H
#define KITH_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Both non-blocking; the same twice for a socket. */
struct transport {
    int in;
    int out;
    int line; /* -1 without a program; to close it has that ended */
};

#define TRANSPORT_NONE ((struct transport){.in = -1, .out = -1, .line = -1})

struct transport transport_socket(int fd);

/* As read(2) and write(2). */
ssize_t transport_read(const struct transport *transport, void *bytes, size_t len);
ssize_t transport_write(const struct transport *transport, const void *bytes, size_t len);

/*
 * The same where more follows at once: where the system can, both go as one, which wakes the other
 * side once. What does not follow after all it sends by itself, a fifth of a second later.
 */
ssize_t transport_write_ahead(const struct transport *transport, const void *bytes, size_t len);

/* Whether it is one for each direction, so that each has an end of its own. */
bool transport_is_two(const struct transport *transport);

/*
 * For any thread: nothing passes from here on, and whoever waits there notices: at a pipe, once
 * anything comes.
 */
void transport_end(const struct transport *transport);

/* The same of what comes alone: our last word is still to be said. */
void transport_end_hearing(const struct transport *transport);

/* We say no more, and still hear. */
void transport_shut(const struct transport *transport);

/* Whether the other side owes us an acknowledgement, and has said nothing for a minute. */
bool transport_is_silent(const struct transport *transport);

/* Bytes that the other side has not taken yet; -1 where that cannot be known. */
int transport_queued(const struct transport *transport);

/* Fine twice, and on none. */
void transport_close(struct transport *transport);

#endif
