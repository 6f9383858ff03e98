/*
 * Owns the wait for the resolver. getaddrinfo takes as long as it likes, so it runs in a thread
 * of its own, which is left behind when the deadline passes. Must never wait beyond that.
 */
#include "resolve.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

/* Shared by the asker and the thread; whoever lets go last frees it. */
struct question {
    struct address address;
    struct addrinfo hints;
    pthread_mutex_t lock;
    pthread_cond_t answered_cond;
    bool answered;
    bool given_up;
    int result;
    struct addrinfo *list;
};

static int ask(const struct address *address, const struct addrinfo *hints, struct addrinfo **list)
{
    const char *host = address->host[0] == '\0' ? NULL : address->host;

    *list = NULL;
    return getaddrinfo(host, address->port, hints, list);
}

static void question_free(struct question *question)
{
    if (question->list != NULL)
        freeaddrinfo(question->list);
    (void)pthread_cond_destroy(&question->answered_cond);
    (void)pthread_mutex_destroy(&question->lock);
    free(question);
}

static void *answer(void *context)
{
    struct question *question = context;
    bool given_up;
    struct addrinfo *list;
    int result = ask(&question->address, &question->hints, &list);

    (void)pthread_mutex_lock(&question->lock);
    question->result = result;
    question->list = list;
    question->answered = true;
    given_up = question->given_up;
    (void)pthread_cond_signal(&question->answered_cond);
    (void)pthread_mutex_unlock(&question->lock);
    if (given_up)
        question_free(question);
    return NULL;
}

static struct question *question_new(const struct address *address, const struct addrinfo *hints)
{
    struct question *question = calloc(1, sizeof(*question));

    if (question == NULL)
        return NULL;
    question->address = *address;
    question->hints = *hints;
    (void)pthread_mutex_init(&question->lock, NULL);
    (void)pthread_cond_init(&question->answered_cond, NULL);
    return question;
}

/*
 * pthread_cond_timedwait takes the wall clock, which may be set meanwhile; so it waits a short
 * time at once, and the monotonic clock decides. Called with the lock held.
 */
static void wait_for_answer(struct question *question, int64_t deadline_ms)
{
    while (!question->answered && clock_now_ms() < deadline_ms) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&question->answered_cond, &question->lock, &until);
    }
}

/* Ask in a thread. False when the deadline passed first. */
static bool ask_until(struct question *question, int64_t deadline_ms, int *result,
                      struct addrinfo **list)
{
    bool answered;

    (void)pthread_mutex_lock(&question->lock);
    wait_for_answer(question, deadline_ms);
    answered = question->answered;
    question->given_up = !answered;
    if (answered) {
        *result = question->result;
        *list = question->list;
        question->list = NULL;
    }
    (void)pthread_mutex_unlock(&question->lock);
    if (answered)
        question_free(question);
    return answered;
}

enum kith_error resolve(const struct address *address, int family, bool passive,
                        int64_t deadline_ms, struct addrinfo **list, const char **why)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct question *question;
    pthread_t thread;
    int result;

    /* A number needs no resolver, and so no thread. */
    hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (passive ? AI_PASSIVE : 0);
    result = ask(address, &hints, list);
    if (result == EAI_NONAME) {
        hints.ai_flags &= ~AI_NUMERICHOST;
        question = question_new(address, &hints);
        if (question == NULL)
            return ERR_MEMORY;
        if (pthread_create(&thread, NULL, answer, question) != 0) {
            question_free(question);
            return ERR_MEMORY;
        }
        (void)pthread_detach(thread);
        if (!ask_until(question, deadline_ms, &result, list))
            return ERR_HANDSHAKE_TIMEOUT;
    }
    if (result == 0)
        return OK;
    *why = result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result);
    return result == EAI_MEMORY ? ERR_MEMORY : ERR_RESOLVE;
}
