/*
 * Owns the count of the looks at a program whose output has ended. Must never let time alone pass
 * for one.
 */
#include "stream/exit_looks.h"

#define LOOKS_MOST 5 /* a quarter of a second */
#define LOOKS_PAUSE_MS 50

bool exit_looks_pass(struct exit_looks *looks)
{
    if (looks->due_ms == NEVER_MS)
        looks->due_ms = clock_deadline_ms(LOOKS_PAUSE_MS);
    if (looks->count < LOOKS_MOST && clock_now_ms() >= looks->due_ms) {
        looks->count++;
        looks->due_ms = clock_deadline_ms(LOOKS_PAUSE_MS);
    }
    return exit_looks_are_over(looks);
}

bool exit_looks_are_over(const struct exit_looks *looks)
{
    return looks->count == LOOKS_MOST;
}
