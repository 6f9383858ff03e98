/*
 * Owns what a process does to protect itself from outside. Each step is made as far as the system
 * lets us; none of them may fail the program.
 */
#define _GNU_SOURCE /* madvise, syscall */
#include "protect.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define DESCRIPTORS_MAX 65536 /* closed one by one where the system has no better way */

void protect_process(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
#ifdef PR_SET_DUMPABLE
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void protect_secret(void *memory, size_t len)
{
    (void)mlock(memory, len);
}

void protect_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    }
}

/* Close first to last, where the system has a call for it. */
static int close_range_of(unsigned first, unsigned last)
{
#if defined(__linux__) && defined(SYS_close_range)
    return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
#else
    (void)first;
    (void)last;
    return -1;
#endif
}

void protect_close_all_but(int keep)
{
    int null = open("/dev/null", O_RDWR);
    long limit = sysconf(_SC_OPEN_MAX);

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
        (void)dup2(null, fd);
    if (keep > STDERR_FILENO && close_range_of(STDERR_FILENO + 1, (unsigned)keep - 1) == 0 &&
        close_range_of((unsigned)keep + 1, ~0U) == 0)
        return;
    if (limit < 0 || limit > DESCRIPTORS_MAX)
        limit = DESCRIPTORS_MAX;
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++) {
        if (fd != keep)
            (void)close(fd);
    }
}
