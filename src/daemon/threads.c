/*
 * Owns the threads of a daemon. Must never let a job wait for another one to end, nor know what a
 * job is.
 */
#include "daemon/threads.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "system/signals.h"

#define STACK_SIZE ((size_t)256 << 10) /* address space; only what is touched costs memory */
#define IDLE_LEAST 2                   /* threads kept with nothing to do: the next job is near */
#define IDLE_MS 2000                   /* how long the others wait for something */

static struct job *take_first(struct threads *threads)
{
    struct job *job = threads->first;

    threads->first = job->next;
    if (threads->first == NULL)
        threads->last = NULL;
    threads->waiting--;
    if (!job->stays)
        threads->running++;
    return job;
}

/* Wait for a job; NULL if this thread is not needed. */
static struct job *await_job(struct threads *threads)
{
    int64_t until_ms = clock_deadline_ms(IDLE_MS);
    struct job *job = NULL;
    bool patient = true;

    (void)pthread_mutex_lock(&threads->lock);
    threads->idle++;
    while (threads->first == NULL && (patient || threads->idle <= IDLE_LEAST))
        patient = clock_await(&threads->work, &threads->lock,
                              threads->idle <= IDLE_LEAST ? NEVER_MS : until_ms);
    if (threads->first != NULL)
        job = take_first(threads);
    threads->idle--;
    (void)pthread_mutex_unlock(&threads->lock);
    return job;
}

static struct job *first_job(struct threads *threads)
{
    struct job *job;

    (void)pthread_mutex_lock(&threads->lock);
    job = threads->first != NULL ? take_first(threads) : NULL;
    (void)pthread_mutex_unlock(&threads->lock);
    return job != NULL ? job : await_job(threads);
}

/* A thread's whole life. */
static void *work(void *context)
{
    struct threads *threads = context;
    struct job *job;

    signals_leave_to_main();
    job = first_job(threads);
    while (job != NULL) {
        bool stays = job->stays; /* it belongs to the thing from here on */

        job->run(job->thing);
        if (!stays)
            threads->running--;
        job = await_job(threads);
    }
    return NULL;
}

static bool add_thread(struct threads *threads)
{
    pthread_t thread;

    errno = pthread_create(&thread, &threads->attributes, work, threads);
    return errno == 0;
}

bool threads_prepare(struct threads *threads)
{
    if (pthread_mutex_init(&threads->lock, NULL) != 0 || !clock_condition(&threads->work) ||
        pthread_attr_init(&threads->attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&threads->attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&threads->attributes, STACK_SIZE);
    return true;
}

bool threads_start(struct threads *threads)
{
    for (int i = 0; i < IDLE_LEAST; i++) {
        if (!add_thread(threads))
            return false;
    }
    return true;
}

static void append_job(struct threads *threads, struct job *job)
{
    job->next = NULL;
    if (threads->last != NULL)
        threads->last->next = job;
    else
        threads->first = job;
    threads->last = job;
    threads->waiting++;
}

/* Take the last one out again, if it is still there. */
static bool withdraw(struct threads *threads, struct job *job)
{
    struct job **at = &threads->first, *before = NULL;

    while (*at != NULL && *at != job) {
        before = *at;
        at = &before->next;
    }
    if (*at == NULL)
        return false;
    *at = job->next;
    if (threads->last == job)
        threads->last = before;
    threads->waiting--;
    return true;
}

bool threads_run(struct threads *threads, struct job *job)
{
    bool enough, withdrawn;

    (void)pthread_mutex_lock(&threads->lock);
    append_job(threads, job);
    enough = threads->waiting <= threads->idle;
    (void)pthread_mutex_unlock(&threads->lock);
    if (enough) /* without the lock, which the one that wakes is to have at once */
        (void)pthread_cond_signal(&threads->work);
    if (enough || add_thread(threads))
        return true;
    (void)pthread_mutex_lock(&threads->lock);
    withdrawn = withdraw(threads, job);
    (void)pthread_mutex_unlock(&threads->lock);
    return !withdrawn; /* somebody has become free meanwhile, and has it */
}

/* A job of which nobody else has the memory. */
struct errand {
    struct job job;
    void (*function)(void *context);
    void *context;
};

static void run_errand(void *thing)
{
    const struct errand errand = *(struct errand *)thing;

    free(thing);
    errand.function(errand.context);
}

bool threads_call(struct threads *threads, void (*function)(void *context), void *context)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    int saved;

    if (errand == NULL)
        return false;
    *errand = (struct errand){{.run = run_errand, .thing = errand}, function, context};
    if (threads_run(threads, &errand->job))
        return true;
    saved = errno;
    free(errand);
    errno = saved;
    return false;
}

bool threads_are_done(struct threads *threads)
{
    bool done;

    (void)pthread_mutex_lock(&threads->lock);
    done = threads->first == NULL && threads->running == 0;
    (void)pthread_mutex_unlock(&threads->lock);
    return done;
}
