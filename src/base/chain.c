/*
 * Owns the order of things that come and go. Must never look at one, nor keep it.
 */
#include "base/chain.h"

void chain_append(struct chain *chain, struct chained *place, void *self)
{
    *place = (struct chained){.before = chain->last, .self = self};
    if (chain->last != NULL)
        chain->last->after = place;
    else
        chain->first = place;
    chain->last = place;
    chain->count++;
}

void chain_prepend(struct chain *chain, struct chained *place, void *self)
{
    *place = (struct chained){.after = chain->first, .self = self};
    if (chain->first != NULL)
        chain->first->before = place;
    else
        chain->last = place;
    chain->first = place;
    chain->count++;
}

void chain_remove(struct chain *chain, struct chained *place)
{
    if (place->before != NULL)
        place->before->after = place->after;
    else
        chain->first = place->after;
    if (place->after != NULL)
        place->after->before = place->before;
    else
        chain->last = place->before;
    chain->count--;
}

void *chain_first(const struct chain *chain)
{
    return chain->first != NULL ? chain->first->self : NULL;
}

void *chain_after(const struct chained *place)
{
    return place->after != NULL ? place->after->self : NULL;
}
