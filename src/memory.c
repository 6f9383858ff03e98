/*
 * Owns the settings of the C library's allocator, where it has any that are known.
 */
#include "memory.h"

#include <stdlib.h>

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
