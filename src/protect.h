/*
 * What keeps secrets of a process from leaving it: no core files, no tracing, memory that is not
 * swapped out, no descriptors that it does not need.
 */
#ifndef KITH_PROTECT_H
#define KITH_PROTECT_H

#include <stddef.h>

/* No core file of this process and its children, and no tracing where the system can forbid it. */
void protect_process(void);

/* Lock memory that will hold a secret, as far as the system lets us. */
void protect_secret(void *memory, size_t len);

/* Descriptors 0 to 2 are open from here on: one that was closed reads as empty, writes fail. */
void protect_standard_descriptors(void);

/* Close every descriptor but keep; 0 to 2 become /dev/null. */
void protect_close_all_but(int keep);

#endif
