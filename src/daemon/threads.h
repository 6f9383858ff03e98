/*
 * The threads of a daemon: each runs one thing from its beginning to its end, and is kept for a
 * while for the next.
 */
#ifndef KITH_THREADS_H
#define KITH_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What is to be run; belongs to the thing, and is not looked at any more once that runs. */
struct job {
    void (*run)(void *thing); /* called once, in a thread that has nothing else to do */
    void *thing;
    bool stays; /* until the process ends: nobody waits for its end */
    struct job *next;
};

struct threads {
    pthread_attr_t attributes; /* of new ones */
    pthread_mutex_t lock;
    pthread_cond_t work;
    size_t idle;
    size_t waiting;         /* jobs that a thread was woken for and has not taken yet */
    _Atomic size_t running; /* that do not stay */
    struct job *first, *last;
};

/* Make what has to be made before the process is confined. False with errno if that fails. */
must_check bool threads_prepare(struct threads *threads);

/* Make the first few. False with errno if not even those can be made. */
must_check bool threads_start(struct threads *threads);

/* Run it in a thread that has nothing to do, or in a new one. False with errno if there is none.
 */
bool threads_run(struct threads *threads, struct job *job);

/* The same for a function that is called once, by a job of its own. False with errno. */
bool threads_call(struct threads *threads, void (*function)(void *context), void *context);

/* Whether no job is left but those that stay, as long as nobody asks for another one. */
bool threads_are_done(struct threads *threads);

#endif
