/*
 * The runner: a process of ours that starts the program of --run, as a shell would: in our process
 * group, with our terminal, our standard descriptors, our environment and our signals. So the one
 * on the network is confined although the program is not.
 */
#ifndef KITH_RUNNER_H
#define KITH_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "helpers/helper.h"

/* What is started, and where its forwards are, which its environment says. */
struct runner_plan {
    char *const *argv;
    const char *const *places;
    size_t count;
};

/*
 * Fork it. Before any thread, and before this process is confined. ERR_PROCESS, ERR_SYSTEM, which
 * are logged.
 */
must_check enum kith_error runner_start(struct helper *runner, const struct runner_plan *plan);

/* Have the program started; its words follow on the line. */
bool runner_begin(const struct helper *runner);

/* Send it a signal, once it has begun. */
void runner_pass_on(const struct helper *runner, int number);

enum runner_word {
    RUNNER_SILENT, /* nothing is said now */
    RUNNER_HAS_BEGUN,
    RUNNER_COULD_NOT, /* become the program: what is the errno */
    RUNNER_HAS_ENDED, /* what is its status, as a shell has it */
    RUNNER_IS_GONE    /* the runner itself */
};

/* Take the next word from its line. */
enum runner_word runner_hear(const struct helper *runner, int *what);

#endif
