/*
 * How many connections, or callers, fit into the descriptors that this process may have.
 */
#ifndef KITH_CAPACITY_H
#define KITH_CAPACITY_H

#include <stddef.h>

/*
 * Have as many descriptors as the system lets us. The most connections that there can be beside
 * what is open now, each with that many of them, and some for others, which have to do with fewer
 * before not one connection fits; 0 if none does all the same. Before any thread, and with all open
 * that stays so.
 */
size_t capacity_find(size_t each, size_t beside);

/* How many of something there can be, with each descriptors for one, in half of what is left. */
size_t capacity_of_half(size_t each);

/* Descriptors of a handshake that is not done: its own, and one for a helper's answer. */
#define CAPACITY_OF_HANDSHAKE 2

/*
 * Callers whose handshake is not done have places of their own, never more than half of what there
 * is: they do not take those of channels, which have so many descriptors each. So it is of calls
 * that we make.
 */
void capacity_set_apart(size_t *connections, size_t each, size_t *callers);

/* Say, of a command, that --max-connections is more than there can be. */
void capacity_say(const char *what, size_t most);

#endif
