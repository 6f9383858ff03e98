/*
 * How long a program is given to end itself once its output has: some looks, for while all of us
 * stand still time passes and nobody can tell of its end.
 */
#ifndef KITH_EXIT_LOOKS_H
#define KITH_EXIT_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct exit_looks {
    int count;      /* so far */
    int64_t due_ms; /* the next of them, or NEVER_MS before the first */
};

#define EXIT_LOOKS_NONE ((struct exit_looks){.due_ms = NEVER_MS})

/* Its output has ended: look if it is time. True after all of them: it goes on without output. */
bool exit_looks_pass(struct exit_looks *looks);

/* Whether there is none left. */
bool exit_looks_are_over(const struct exit_looks *looks);

#endif
