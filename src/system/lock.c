/*
 * Owns the locks that files and folders have. Must never wait beyond a deadline for one.
 */
#define _DEFAULT_SOURCE /* flock */
#include "system/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LOCK_PAUSE_MS 5

bool lock_take(int fd, int64_t deadline_ms)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (clock_now_ms() >= deadline_ms) {
            errno = EWOULDBLOCK;
            return false;
        }
        clock_sleep_ms(LOCK_PAUSE_MS);
    }
    return true;
}

bool lock_folder(const char *path, int64_t deadline_ms, int *fd)
{
    char folder[FOLDER_SIZE];
    bool others;

    *fd = -1;
    if (text_folder(folder, sizeof(folder), path))
        *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 || lock_take(*fd, deadline_ms))
        return true;
    others = errno == EWOULDBLOCK;
    (void)close(*fd);
    *fd = -1;
    return !others;
}
