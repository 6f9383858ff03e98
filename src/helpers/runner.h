/*
 * The runner: a process of ours that starts the program of --run, as a shell would: in our process
 * group, with our terminal, our standard descriptors, our environment and our signals. So the one
 * on the network is confined although the program is not.
 */
#ifndef KITH_RUNNER_H
#define KITH_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "helpers/helper.h"

/* What is started, and where its forwards are, which its environment says. */
struct runner_plan {
    char *const *argv;
    const char *const *places;
    size_t count;
};

#define RUNNER_SIGNALS 6 /* that are passed on */

struct runner {
    struct helper helper;
    int told;                  /* the word that it has not taken yet, or -1 */
    bool owed[RUNNER_SIGNALS]; /* signals that follow once it has: each once, however often */
    int64_t due_ms;            /* until when it is to have taken one that ends; or NEVER_MS */
    unsigned ends;             /* how many of those have come meanwhile */
};

#define RUNNER_NONE ((struct runner){.helper = HELPER_NONE, .told = -1, .due_ms = NEVER_MS})

/*
 * Fork it. Before any thread, and before this process is confined. ERR_PROCESS, ERR_SYSTEM, which
 * are logged.
 */
must_check enum kith_error runner_start(struct runner *runner, const struct runner_plan *plan);

/* Have the program started; its words follow on the line. */
bool runner_begin(struct runner *runner);

/* Send the program a signal, once it has begun and the runner takes it. */
void runner_pass_on(struct runner *runner, int number);

/*
 * How many SIGTERM and SIGINT came that the runner itself, and so the program, does not take in
 * time, as when it was stopped, which is logged. Nothing is to be expected of it then.
 */
unsigned runner_leaves_us(const struct runner *runner);

enum runner_word {
    RUNNER_SILENT, /* nothing is said now */
    RUNNER_HAS_BEGUN,
    RUNNER_COULD_NOT, /* become the program: what is the errno */
    RUNNER_HAS_ENDED, /* what is its status, as a shell has it */
    RUNNER_IS_GONE    /* the runner itself */
};

/* Take the next word from its line. */
enum runner_word runner_hear(struct runner *runner, int *what);

#endif
