/*
 * Owns the key that signs, and the threads that ask an agent in its place. Must never let one slow
 * signature keep others waiting, nor have more of them under way, or waiting, than a bounded
 * number.
 */
#include "helpers/signing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "helpers/question.h"
#include "keys/agent_protocol.h"

#define ASKING_MAX 64   /* signatures that an agent may be asked for at once */
#define WAITING_MAX 512 /* that wait for one of these; each has a descriptor */

/* One that an agent is asked for, or is to be. */
struct to_sign {
    struct to_sign *next;
    struct signing *signing;
    int64_t deadline_ms;
    int fd;
    size_t len;
    uint8_t message[AGENT_SIGNED_MAX];
};

enum kith_error signing_begin(struct signing *signing, struct identity *identity,
                              int64_t timeout_ms)
{
    signing->agent = identity->agent;
    signing->timeout_ms = timeout_ms;
    signing->first = NULL;
    signing->asking = signing->waiting = 0;
    (void)pthread_mutex_init(&signing->lock, NULL);
    signing->signer = identity->in_agent ? NULL : crypto_signer_new(identity->seed);
    if (signing->signer == NULL && !identity->in_agent)
        return ERR_MEMORY;
    identity_wipe(identity); /* the signer has the key from here on */
    return OK;
}

static void free_to_sign(struct to_sign *asking)
{
    crypto_wipe(asking->message, asking->len);
    free(asking);
}

static void ask_once(struct to_sign *asking)
{
    struct keeper_answer answer = {0};

    if (question_is_awaited(asking->fd))
        answer.error = (int32_t)agent_sign(&asking->signing->agent, answer.signature,
                                           asking->message, asking->len, asking->deadline_ms);
    question_answer(asking->fd, &answer, sizeof(answer));
    free_to_sign(asking);
}

/* The one that waits for longest; with none, its thread is one less. */
static struct to_sign *take_next(struct signing *signing)
{
    struct to_sign *next;

    (void)pthread_mutex_lock(&signing->lock);
    next = signing->first;
    if (next != NULL) {
        signing->first = next->next;
        signing->waiting--;
    } else {
        signing->asking--;
    }
    (void)pthread_mutex_unlock(&signing->lock);
    return next;
}

/* A thread's life. */
static void *ask_agent(void *context)
{
    struct to_sign *asking = context;

    while (asking != NULL) {
        struct signing *signing = asking->signing;

        ask_once(asking);
        asking = take_next(signing);
    }
    return NULL;
}

/* Behind those that wait already. */
static enum kith_error wait_in_line(struct signing *signing, struct to_sign *asking)
{
    struct to_sign **at = &signing->first;

    if (signing->waiting == WAITING_MAX)
        return ERR_AGENT_BUSY;
    while (*at != NULL)
        at = &(*at)->next;
    *at = asking;
    signing->waiting++;
    return OK;
}

/* Under the lock: a thread of its own, or a place among those that wait for one. */
static enum kith_error find_asker(struct signing *signing, struct to_sign *asking)
{
    pthread_t thread;

    if (signing->asking < ASKING_MAX && pthread_create(&thread, NULL, ask_agent, asking) == 0) {
        signing->asking++;
        (void)pthread_detach(thread);
        return OK;
    }
    return signing->asking > 0 ? wait_in_line(signing, asking) : ERR_NO_THREAD;
}

/* Have a thread answer, or say why none does. */
static enum kith_error begin_asking(struct signing *signing, const uint8_t *message, size_t len,
                                    int fd)
{
    struct to_sign *asking = malloc(sizeof(*asking));
    enum kith_error error;

    if (asking == NULL)
        return ERR_MEMORY;
    *asking = (struct to_sign){.signing = signing,
                               .deadline_ms = clock_deadline_ms(signing->timeout_ms),
                               .fd = fd,
                               .len = len};
    memcpy(asking->message, message, len);
    (void)pthread_mutex_lock(&signing->lock);
    error = find_asker(signing, asking);
    (void)pthread_mutex_unlock(&signing->lock);
    if (error != OK)
        free_to_sign(asking);
    return error;
}

void signing_answer(struct signing *signing, const uint8_t *message, size_t len, int fd)
{
    struct keeper_answer answer = {0};

    if (signing->signer != NULL) {
        answer.error = (int32_t)crypto_signer_sign(signing->signer, answer.signature, message, len);
    } else {
        answer.error = (int32_t)begin_asking(signing, message, len, fd);
        if (answer.error == OK)
            return;
    }
    question_answer(fd, &answer, sizeof(answer));
}

void signing_end(struct signing *signing)
{
    crypto_signer_free(signing->signer); /* a thread that still asks or reads has no use for it */
    signing->signer = NULL;
}
