/*
 * Owns what a process does to protect itself from outside: what may leave it, and which descriptors
 * it has. Must never let a number under 3 be free: the next socket would take it, and what is meant
 * for stdout or stderr would go to the network.
 */
#define _GNU_SOURCE /* madvise, syscall */
#include "system/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "crypto/crypto.h"

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define FIRST_OTHER (STDERR_FILENO + 1)
#define DESCRIPTORS_MAX 65536 /* closed one by one where the system has no better way */

/* Reads as empty, and cannot be written to: for the place of a standard descriptor. */
static int nothing = -1;

/* The limits on core files and descriptors that we were started with. */
static struct rlimit usual_core, usual_files;

static size_t awaited; /* helpers that start programs, which are still to be started */

void protect_process(void)
{
    struct rlimit none = {0, 0};

    (void)getrlimit(RLIMIT_NOFILE, &usual_files);
    if (getrlimit(RLIMIT_CORE, &usual_core) == 0)
        none.rlim_max = usual_core.rlim_max;
#ifdef KITH_TRACEABLE /* for builds that a debugger looks at */
    return;
#endif
    (void)setrlimit(RLIMIT_CORE, &none);
#ifdef PR_SET_DUMPABLE
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void protect_for_good(void)
{
#ifndef KITH_TRACEABLE
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
#endif
}

void protect_after_starts(size_t count)
{
    awaited = count;
    if (awaited == 0)
        protect_for_good();
}

void protect_started(void)
{
    if (awaited > 0 && --awaited == 0)
        protect_for_good();
}

void protect_give_back(void)
{
    (void)setrlimit(RLIMIT_CORE, &usual_core);
    if (usual_files.rlim_max > 0) /* else it could not be found out */
        (void)setrlimit(RLIMIT_NOFILE, &usual_files);
}

void protect_secret(void *memory, size_t len)
{
    (void)mlock(memory, len);
}

void *protect_new(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    protect_secret(memory, len);
#ifdef MADV_DONTDUMP
    (void)madvise(memory, len, MADV_DONTDUMP);
#endif
    return memory;
}

void protect_free(void *memory, size_t len)
{
    if (memory == NULL)
        return;
    crypto_wipe(memory, len);
    (void)munmap(memory, len);
}

void protect_from_children(void *memory, size_t len)
{
#ifdef MADV_WIPEONFORK
    (void)madvise(memory, len, MADV_WIPEONFORK);
#else
    (void)memory;
    (void)len;
#endif
}

/* The lowest free descriptor becomes /dev/null, or where there is none a pipe that has ended. */
static int open_nothing(int mode)
{
    int fd = open("/dev/null", mode);
    int ends[2];

    if (fd >= 0 || pipe(ends) != 0)
        return fd;
    (void)close(ends[1]);
    return ends[0];
}

bool protect_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open_nothing(fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    }
    return true;
}

bool protect_mute(void)
{
    int fd = open_nothing(O_WRONLY);
    bool muted = fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO;

    if (fd >= 0)
        (void)close(fd);
    return muted;
}

/* Close first to last, both included. */
static void close_between(unsigned first, unsigned last)
{
    long limit = sysconf(_SC_OPEN_MAX);

    if (first > last)
        return;
#if defined(__linux__) && defined(SYS_close_range)
    if (syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    if (limit < 0 || limit > DESCRIPTORS_MAX)
        limit = DESCRIPTORS_MAX;
    for (unsigned fd = first; fd <= last && fd < (unsigned)limit; fd++)
        (void)close((int)fd);
}

/* The lowest of them that is not below from; UINT_MAX if there is none. */
static unsigned next_of(const int *keep, size_t count, unsigned from)
{
    unsigned next = UINT_MAX;

    for (size_t i = 0; i < count; i++) {
        if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
            next = (unsigned)keep[i];
    }
    return next;
}

void protect_close_all_but(const int *keep, size_t count)
{
    unsigned from = FIRST_OTHER;
    unsigned next;

    while ((next = next_of(keep, count, from)) != UINT_MAX) {
        close_between(from, next - 1);
        from = next + 1;
    }
    close_between(from, UINT_MAX);
}

bool protect_keep(const int *keep, size_t count)
{
    protect_close_all_but(keep, count);
    nothing = open_nothing(O_RDONLY);
    return nothing >= 0 && descriptor_set_cloexec(nothing);
}

void protect_vacate(int fd)
{
    int saved = errno;

    if (fd >= FIRST_OTHER)
        (void)close(fd);
    else if (fd >= 0)
        (void)dup2(nothing, fd);
    errno = saved;
}

void protect_silence(int fd)
{
    if (fd >= 0 && nothing >= 0)
        (void)dup2(nothing, fd);
}
