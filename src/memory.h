/*
 * What the C library keeps of memory that was freed.
 */
#ifndef KITH_MEMORY_H
#define KITH_MEMORY_H

/* For a process of many threads: keep little for each of them. Before any thread. */
void memory_be_modest(void);

/* Give back what is free. */
void memory_give_back(void);

#endif
