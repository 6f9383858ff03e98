/*
 * Locks between processes that do not want to write to one place at a time. Each is gone with its
 * descriptor, however the process ends, and leaves nothing behind.
 */
#ifndef KITH_LOCK_H
#define KITH_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define LOCK_MS 5000 /* for others to be done with keys or peers that are written */

/*
 * Have the lock of an open file or folder by the deadline (clock_now_ms). False, with errno:
 * EWOULDBLOCK if another process has had it until then, or whatever else keeps us from it.
 */
bool lock_take(int fd, int64_t deadline_ms);

/*
 * The same of the folder that path is in. False if another process has it until the deadline.
 * *fd is to be closed then, or -1 where there can be no lock: one then goes on without.
 */
bool lock_folder(const char *path, int64_t deadline_ms, int *fd);

#endif
