/*
 * Owns the distance of two words (optimal string alignment). Must never allocate, nor say
 * anything: pure.
 */
#include "base/spelling.h"

#include <stdbool.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t spelling_distance(const char *a, const char *b)
{
    unsigned char far[SPELLING_MAX + 1][SPELLING_MAX + 1]; /* of i letters of a, j of b */
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > SPELLING_MAX || b_len > SPELLING_MAX)
        return SPELLING_MAX + 1;
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                far[i][j] = (unsigned char)(i + j);
                continue;
            }
            bool same = a[i - 1] == b[j - 1];
            bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];

            size_t least_far =
                least(least(far[i - 1][j], far[i][j - 1]) + 1U, far[i - 1][j - 1] + !same);

            if (exchanged)
                least_far = least(least_far, far[i - 2][j - 2] + 1U);
            far[i][j] = (unsigned char)least_far;
        }
    }
    return far[a_len][b_len];
}

struct spelling spelling_of(const char *word)
{
    /* A word of which all letters have to go is no guess any more. */
    return (struct spelling){.word = word, .far = strlen(word) < 4 ? 2 : 3};
}

void spelling_try(struct spelling *spelling, const char *known)
{
    size_t distance = spelling_distance(spelling->word, known);

    if (distance < spelling->far) {
        spelling->far = distance;
        spelling->nearest = known;
    }
}
