/*
 * A line between two of our processes: whole messages over a stream socket, and descriptors with
 * them.
 */
#ifndef KITH_LINE_H
#define KITH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Send len bytes, and a descriptor with them unless that is -1. False when the line is closed, or
 * takes nothing until the deadline.
 */
bool line_send(int fd, const void *bytes, size_t len, int passed, int64_t deadline_ms);

/*
 * Receive at least and at most that many bytes; a descriptor that comes with them is stored in
 * *passed (closed on exec), or closed if that is NULL. Returns how many came, or 0 when the line is
 * closed, or the deadline has come, before that was enough.
 */
size_t line_receive(int fd, void *bytes, size_t least, size_t most, int *passed,
                    int64_t deadline_ms);

#endif
