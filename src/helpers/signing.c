/*
 * Owns the key that signs, and the threads that ask an agent in its place. Must never let one slow
 * signature keep others waiting, nor have more of them under way than a bounded number.
 */
#include "helpers/signing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "helpers/question.h"
#include "keys/agent_protocol.h"

#define ASKING_MAX 64 /* signatures that an agent may be asked for at once */

/* One that an agent is asked for. */
struct asking {
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
    signing->signer = identity->in_agent ? NULL : crypto_signer_new(identity->seed);
    if (signing->signer == NULL && !identity->in_agent)
        return ERR_MEMORY;
    identity_wipe(identity); /* the signer has the key from here on */
    return OK;
}

static void free_asking(struct asking *asking)
{
    atomic_fetch_sub(&asking->signing->asking, 1);
    crypto_wipe(asking->message, asking->len);
    free(asking);
}

/* A thread's life. */
static void *ask_agent(void *context)
{
    struct asking *asking = context;
    struct keeper_answer answer = {0};

    answer.error = (int32_t)agent_sign(&asking->signing->agent, answer.signature, asking->message,
                                       asking->len, asking->deadline_ms);
    question_answer(asking->fd, &answer, sizeof(answer));
    free_asking(asking);
    return NULL;
}

/* Have a thread answer, or say why none does. */
static enum kith_error begin_asking(struct signing *signing, const uint8_t *message, size_t len,
                                    int fd)
{
    struct asking *asking;
    pthread_t thread;

    if (atomic_load(&signing->asking) >= ASKING_MAX)
        return ERR_AGENT_BUSY;
    asking = malloc(sizeof(*asking));
    if (asking == NULL)
        return ERR_MEMORY;
    asking->signing = signing;
    asking->deadline_ms = clock_deadline_ms(signing->timeout_ms);
    asking->fd = fd;
    asking->len = len;
    memcpy(asking->message, message, len);
    atomic_fetch_add(&signing->asking, 1);
    if (pthread_create(&thread, NULL, ask_agent, asking) == 0) {
        (void)pthread_detach(thread);
        return OK;
    }
    free_asking(asking);
    return ERR_NO_THREAD;
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
