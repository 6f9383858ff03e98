/*
 * A wall clock that somebody sets: it is apart from the system's by as many seconds as the file
 * that STEPPING names says, eight bytes that may change at any time; and time that passes at once,
 * by as many seconds as the next eight say, but for who waits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *apart_s;
static __typeof__(&clock_gettime) usual;

__attribute__((constructor)) static void start(void)
{
    int fd = open(getenv("STEPPING"), O_RDONLY | O_CLOEXEC);
    void *shared = mmap(NULL, 2 * sizeof(*apart_s), PROT_READ, MAP_SHARED, fd, 0);

    usual = (__typeof__(usual))dlsym(RTLD_NEXT, "clock_gettime");
    apart_s = shared == MAP_FAILED ? NULL : shared;
    (void)close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = usual(id, now);

    if (id == CLOCK_REALTIME && apart_s != NULL)
        now->tv_sec += apart_s[0];
    if (id == CLOCK_MONOTONIC && apart_s != NULL)
        now->tv_sec += apart_s[1];
    return result;
}
