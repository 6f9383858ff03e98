/*
 * A keeper in our own process, which answers when the input has it answer.
 */
#ifndef KITH_FUZZ_KEEPER_H
#define KITH_FUZZ_KEEPER_H

#include <sys/socket.h>
#include <unistd.h>

#include "../unit/party.h"
#include "fuzz.h"
#include "helpers/keeper.h"
#include "helpers/question.h"

enum mood { KEEPER_ANSWERS, KEEPER_WAITS, KEEPER_REFUSES };
#define MOODS 3

static struct keeper keeper;
static const struct party *keepers_party;
static int keepers_line;
static enum mood mood;
static size_t questions; /* that it was asked */

#define ASKED_HEAD 3 /* bytes before the Info */

static inline void keeper_begin(const struct party *party)
{
    int ends[2];

    demand(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    keeper.helper = (struct helper){.line = ends[0], .process = -1};
    memcpy(keeper.public_key, party->public_key, KEY_SIZE);
    keepers_party = party;
    keepers_line = ends[1];
}

/* One question is here, and what it is answered by. Both are as the real keeper has them. */
static inline bool keeper_take(int32_t error)
{
    struct {
        uint16_t kind;
        uint8_t channel; /* its kind */
        uint8_t info[INFO_MAX];
    } asked;
    struct {
        int32_t error;
        uint8_t signature[SIGNATURE_SIZE];
    } answer = {.error = error};
    size_t len;
    int fd;

    len = question_receive(keepers_line, &asked, sizeof(asked), &fd, 1, 0);
    if (len == 0)
        return false;
    demand(fd >= 0 && asked.kind == 1 && asked.channel == KIND_PLAIN && len > ASKED_HEAD);
    questions++;
    if (error == OK)
        demand(party_sign(keepers_party, answer.signature, asked.info, len - ASKED_HEAD) == OK);
    question_answer(fd, &answer, sizeof(answer));
    return true;
}

/* Answer what was asked, as its mood is; true if there was a question. */
static inline bool keeper_goes_on(void)
{
    return mood != KEEPER_WAITS && keeper_take(mood == KEEPER_REFUSES ? ERR_KEEPER : OK);
}

/* Nothing is left for the next input. */
static inline void keeper_forget(void)
{
    while (keeper_take(ERR_KEEPER))
        continue;
    mood = KEEPER_ANSWERS;
    questions = 0;
}

#endif
