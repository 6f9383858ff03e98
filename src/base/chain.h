/*
 * A chain: things in an order, mostly that in which they came. Each has its place in the chain
 * inside itself: nothing is allocated, and any can be taken out without a search.
 */
#ifndef KITH_CHAIN_H
#define KITH_CHAIN_H

#include <stddef.h>

/* The place of a thing. */
struct chained {
    struct chained *before;
    struct chained *after;
    void *self; /* the thing */
};

/* All zero is an empty one. */
struct chain {
    struct chained *first;
    struct chained *last;
    size_t count;
};

/* Put a thing, whose place this is, at the end. */
void chain_append(struct chain *chain, struct chained *place, void *self);

/* The same, at the beginning. */
void chain_prepend(struct chain *chain, struct chained *place, void *self);

/* Take out what is in it. */
void chain_remove(struct chain *chain, struct chained *place);

/* The thing that came first, and the one that came after another; NULL if there is none. */
void *chain_first(const struct chain *chain);
void *chain_after(const struct chained *place);

#endif
