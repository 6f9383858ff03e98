/*
 * How a helper is asked: a question is one message over its line, with the writing end of a fresh
 * pipe beside it, and the answer comes out of that pipe. So it is a descriptor to poll, with the
 * deadline of the one that asks; any number are under way, without a lock, a number or an order;
 * and whoever no longer wants the answer closes the pipe.
 */
#ifndef KITH_QUESTION_H
#define KITH_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helpers/helper.h"

#define QUESTION_MAX 4096     /* bytes in a question */
#define QUESTION_PASSED_MAX 4 /* descriptors beside it */

/*
 * Ask: returns the descriptor to poll, non-blocking, or -1 with errno. EAGAIN: the line is full, so
 * ask again once it can be written to. EPIPE or ECONNRESET: the helper has ended. Fine in any
 * thread.
 */
int question_ask(const struct helper *helper, const void *bytes, size_t len);

/* The same for an answer that comes elsewhere: send these descriptors beside it. False with errno.
 */
bool question_send(const struct helper *helper, const void *bytes, size_t len, const int *passed,
                   size_t passed_count);

/*
 * Take what there is of the answer, as read(2): -1 and EAGAIN while there is nothing, 0 at its end.
 * One of up to PIPE_BUF bytes comes whole.
 */
ssize_t question_take(int fd, void *answer, size_t size);

/*
 * For walks that own all that they wait for: ask, and wait for the answer, which has this size.
 * False with errno if it is not here by the deadline, or is another one.
 */
bool question_settle(const struct helper *helper, const void *bytes, size_t len, void *answer,
                     size_t size, int64_t deadline_ms);

/*
 * For the helper: wait for the next question, of up to size bytes, and the descriptors beside it,
 * closed on exec; those that are not there are -1. Returns its length, or 0 once the line is closed
 * or that time has come.
 */
size_t question_receive(int line, void *bytes, size_t size, int *passed, size_t passed_count,
                        int64_t until_ms);

/* For the helper: whether who has asked still has the other end of this pipe. */
bool question_is_awaited(int fd);

/* For the helper: answer in one piece of up to PIPE_BUF bytes, and close. */
void question_answer(int fd, const void *answer, size_t len);

#endif
