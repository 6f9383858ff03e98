/*
 * What carries bytes to the other machine: one descriptor for both directions, or one for each.
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
};

#define TRANSPORT_NONE ((struct transport){.in = -1, .out = -1})

struct transport transport_socket(int fd);

/* As read(2) and write(2). */
ssize_t transport_read(const struct transport *transport, void *bytes, size_t len);
ssize_t transport_write(const struct transport *transport, const void *bytes, size_t len);

/*
 * The same where more follows at once: where the system can, both go as one, which wakes the other
 * side once. What does not follow after all it sends by itself, a fifth of a second later.
 */
ssize_t transport_write_ahead(const struct transport *transport, const void *bytes, size_t len);

/* We say no more, and still hear. */
void transport_shut(const struct transport *transport);

/* Whether the other side owes us an acknowledgement, and has said nothing for a minute. */
bool transport_is_silent(const struct transport *transport);

/* Bytes that the other side has not taken yet; -1 where that cannot be known. */
int transport_queued(const struct transport *transport);

/* Fine twice, and on none. */
void transport_close(struct transport *transport);

#endif
