/*
 * Pipes and modes; and a descriptor that other programs have as well: used without blocking, and
 * without changing its mode, on which they rely.
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

/* A pipe, closed on exec. False with errno. */
bool descriptor_pipe(int ends[static 2]);

/* The same, and both ends non-blocking. */
bool descriptor_pipe_nonblocking(int ends[static 2]);

/* Make one that is ours alone non-blocking and closed on exec. False with errno. */
bool descriptor_set_nonblocking(int fd);

/* Have it closed on exec. False with errno. */
bool descriptor_set_cloexec(int fd);

/* The same by a number that is no standard descriptor's, closed on exec; -1 with errno. */
int descriptor_move_up(int fd);

/* Whether it is open for this: O_RDONLY to read, O_WRONLY to write. */
bool descriptor_is_open_for(int fd, int direction);

/* Whether it is something of the kernel that has no kind, as an epoll or a timer: no stream. */
bool descriptor_is_anonymous(int fd);

/*
 * The same FIFO or terminal in a non-blocking mode of our own, closed on exec; direction is
 * O_RDONLY or O_WRONLY. -1 where it is not open for that, or the system has no way for it, for a
 * FIFO whose writers have gone, of which one opened now would never say so, and for anything else,
 * which might not be the same: a device can begin anew, the master of a pseudo terminal is another
 * each time.
 */
int descriptor_open_anew(int fd, int direction);

/* Close it, unless it is -1, which it is then. */
void descriptor_close(int *fd);

bool descriptor_is_socket(int fd);

/* Whether it is a socket that waits for calls: nothing ever comes out of it. */
bool descriptor_listens(int fd);

/* Whether two of them are one file, pipe or socket. */
bool descriptor_is_same_file(int a, int b);

/* A terminal, at which somebody sits; not the master of a pseudo terminal, where a program does. */
bool descriptor_is_terminal(int fd);

/* Whether poll tells when it is ready; of a file, a disk or /dev/null it says that without end. */
bool descriptor_can_be_awaited(int fd);

/* Whether the process that started us has this socket as one of its standard descriptors, too. */
bool descriptor_is_parents(int socket);

/* What poll says of it at this moment: of these events, and of what it always says; 0 if nothing.
 */
short descriptor_look(int fd, short events);

/*
 * Wait until poll says that it is ready for these events, a deadline of base/clock.h at the latest.
 * False with errno, ETIMEDOUT when that comes first.
 */
bool descriptor_await(int fd, short events, int64_t deadline_ms);

/*
 * As write(2), but never waiting: -1 and EAGAIN if it takes nothing now. More than PIPE_BUF bytes
 * are not taken at a time, at a terminal fewer. In a blocking mode that holds as long as nobody
 * else fills a pipe in the same moment.
 */
ssize_t descriptor_write(int fd, const void *bytes, size_t len);

/* Write all of it by the deadline; false with errno if it was not taken. */
bool descriptor_write_by(int fd, const void *bytes, size_t len, int64_t deadline_ms);

/* Whether this errno says that now nothing can be done without waiting. */
bool descriptor_would_wait(int problem);

/*
 * Have the names that a folder holds on the disk, where its kind of file system can do that. False
 * with errno.
 */
bool descriptor_flush_folder(int folder);

/* Whether this errno says that a process, or the system, has no more of them. */
bool descriptor_is_lacking(int problem);

#endif
