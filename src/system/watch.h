/*
 * Many descriptors behind one: a watch is ready once any of them can be read, and then says which.
 * For those that poll would look at in vain each time. Safe for threads.
 */
#ifndef KITH_WATCH_H
#define KITH_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#define WATCH_MOST 64 /* that are told at once */

/* Make one: a descriptor to poll for input, or -1 with errno. */
int watch_make(void);

/* Watch a descriptor of that thing until it has been ready once. False with errno. */
bool watch_add(int watch, int fd, void *thing);

/* Watch it no longer; it is still open. */
void watch_remove(int watch, int fd);

/* Those that are ready, up to most, or to WATCH_MOST: how many there are. */
size_t watch_ready(int watch, void **things, size_t most);

#endif
