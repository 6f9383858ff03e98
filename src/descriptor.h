/*
 * Writing to a descriptor that other programs have as well: without blocking, and without changing
 * its mode, on which they rely.
 */
#ifndef KITH_DESCRIPTOR_H
#define KITH_DESCRIPTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef PIPE_BUF
#define PIPE_BUF _POSIX_PIPE_BUF
#endif

/*
 * The same FIFO or terminal in a non-blocking mode of our own, for writing; closed on exec. -1
 * where the system has no way for it, and for anything else, which would not be the same.
 */
int descriptor_open_anew(int fd);

/*
 * As write(2), but never waiting: -1 and EAGAIN if it takes nothing now. More than PIPE_BUF bytes
 * are not taken at a time. In a blocking mode that holds as long as nobody else fills a pipe in the
 * same moment.
 */
ssize_t descriptor_write(int fd, const void *bytes, size_t len);

/* Write all of it by the deadline; false with errno if it was not taken. */
bool descriptor_write_by(int fd, const void *bytes, size_t len, int64_t deadline_ms);

#endif
