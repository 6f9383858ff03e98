/*
 * Owns the settings of the C library's allocator, where it has any that are known, and the giving
 * back of stacks. Must never touch memory that is in use.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "system/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

/* Reading an encrypted key takes some 70 KiB. */
#define STACK_LEAST ((rlim_t)124 << 10)

/* What a list of strings that we were started with takes of the stack. */
static size_t size_of(char *const *list)
{
    size_t size = 0;

    for (; list != NULL && *list != NULL; list++)
        size += strlen(*list) + 1 + sizeof(*list);
    return size;
}

bool memory_has_stack(char *const *argv)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_STACK, &limit) != 0 ||
           limit.rlim_cur >= STACK_LEAST + size_of(argv) + size_of(environ);
}

#ifdef __GLIBC__
#include <malloc.h>

/* Two arenas serve many threads that allocate only when they begin; each takes what its busiest
 * moment took. */
#define ARENAS 2

void memory_be_modest(void)
{
    (void)mallopt(M_ARENA_MAX, ARENAS);
}

void memory_give_back(void)
{
    (void)malloc_trim(0);
}

#else

void memory_be_modest(void)
{
}

void memory_give_back(void)
{
}

#endif

#ifdef __linux__

#define OWN_FRAMES 1024 /* what this function and madvise may take themselves */

void memory_give_back_stack(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t end = (here - OWN_FRAMES) / page * page;

    (void)madvise((void *)(end - MEMORY_STACK_GIVEN), MEMORY_STACK_GIVEN, MADV_DONTNEED);
}

#else

void memory_give_back_stack(void)
{
}

#endif
