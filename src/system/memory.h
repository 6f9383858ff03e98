/*
 * How far stacks may grow, and what the C library keeps of memory that was freed.
 */
#ifndef KITH_MEMORY_H
#define KITH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Whether the stack of the main thread, where the environment and these arguments stand as well,
 * may grow as far as anything here needs it to.
 */
must_check bool memory_has_stack(char *const *argv);

/* For a process of many threads: keep little for each of them. Before any thread. */
void memory_be_modest(void);

/* Give back what is free. */
void memory_give_back(void);

/*
 * For a thread whose stack has MEMORY_STACK_GIVEN bytes below its present use, and that will stay
 * where it is: give back what it needed further down.
 */
#define MEMORY_STACK_GIVEN ((size_t)64 << 10)
void memory_give_back_stack(void);

#endif
