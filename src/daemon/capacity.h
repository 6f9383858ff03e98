/*
 * How many connections fit into the descriptors that this process may have.
 */
#ifndef KITH_CAPACITY_H
#define KITH_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The most connections that there can be beside what is open now, each with so many descriptors; 0
 * if not one fits. raise: have as many descriptors as the system lets us first. Before any thread,
 * and with all open that stays so.
 */
size_t capacity_find(size_t each, bool raise);

#endif
