/*
 * How far two words are apart, to guess what was meant by one that is not known.
 */
#ifndef KITH_SPELLING_H
#define KITH_SPELLING_H

#include <stddef.h>

#define SPELLING_MAX 63 /* letters of a word that is looked at */

/*
 * How many letters have to be added, left out, replaced, or exchanged with the next one to make
 * one word of the other; more than SPELLING_MAX for a word that is longer.
 */
size_t spelling_distance(const char *a, const char *b);

/* The search for what was meant by a word that is not known. */
struct spelling {
    const char *word;
    const char *nearest; /* what was meant, or NULL */
    size_t far;          /* what is to be meant is nearer than that */
};

struct spelling spelling_of(const char *word);

/* Whether that is it: something known, which has to stay where it is. */
void spelling_try(struct spelling *spelling, const char *known);

#endif
