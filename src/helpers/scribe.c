/*
 * Owns the process that writes the peers file. It must never write another file, nor anything but a
 * line that addition_write finds good, whatever it is asked.
 */
#include "helpers/scribe.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "helpers/question.h"
#include "system/sandbox.h"
#include "system/zone.h"

#define WRITE_MS 20000 /* longer than addition_write waits, also on a slow disk */

struct task {
    const char *path;
    const uint8_t *own_key;
};

struct answer {
    int32_t error;
    int32_t system_errno;
};

/* Whether every text that came ends where it has room. */
static bool is_sound(const struct addition *asked)
{
    const struct address *address = &asked->address;

    return memchr(asked->name, '\0', sizeof(asked->name)) != NULL &&
           memchr(address->host, '\0', sizeof(address->host)) != NULL &&
           memchr(address->port, '\0', sizeof(address->port)) != NULL && address->path[0] == '\0';
}

/* In the forked process. */
static void live(int line, const void *context)
{
    static const struct sandbox_needs needs = {.reads = true, .writes = true};
    const struct task *task = context;
    struct addition asked;
    int fd;

    helper_strip(&line, 1, false);
    zone_hold(); /* which the times of the peers file are in */
    sandbox_enter(SANDBOX_SCRIBE, &needs);
    while (question_receive(line, &asked, sizeof(asked), &fd, 1, NEVER_MS) == sizeof(asked) &&
           fd >= 0 && is_sound(&asked)) {
        struct answer answer = {0};

        errno = 0;
        answer.error = (int32_t)addition_write(&asked, task->path, task->own_key);
        answer.system_errno = errno;
        question_answer(fd, &answer, sizeof(answer));
    }
}

enum kith_error scribe_start(struct helper *scribe, const char *path,
                             const uint8_t own_key[static KEY_SIZE])
{
    const struct task task = {path, own_key};

    if (helper_start(scribe, live, &task))
        return OK;
    return helper_log_failure("peers", path);
}

enum kith_error scribe_add(const struct helper *scribe, const struct addition *addition)
{
    struct answer answer;
    int64_t deadline_ms = clock_deadline_ms(WRITE_MS);

    if (!question_settle(scribe, addition, sizeof(*addition), &answer, sizeof(answer),
                         deadline_ms)) {
        errno = clock_now_ms() < deadline_ms ? EPIPE : ETIMEDOUT;
        return ERR_SYSTEM;
    }
    errno = answer.system_errno;
    return (enum kith_error)answer.error;
}
