/*
 * Owns the carrying of questions to a helper, and of the answers. Must never leave a descriptor
 * open that nobody asked for, nor wait beyond a deadline for an answer.
 */
#define _DEFAULT_SOURCE /* CMSG_SPACE */
#include "helpers/question.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"

/* Descriptors that arrive close on exec, at once where the system can. */
#ifdef MSG_CMSG_CLOEXEC
#define ON_EXEC MSG_CMSG_CLOEXEC
#else
#define ON_EXEC 0
#endif

/* Room for the descriptors that go with a message, aligned as the macros want it. */
union control {
    struct cmsghdr header;
    unsigned char bytes[CMSG_SPACE(QUESTION_PASSED_MAX * sizeof(int))];
};

bool question_send(const struct helper *helper, const void *bytes, size_t len, const int *passed,
                   size_t passed_count)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    union control control = {.bytes = {0}};
    struct cmsghdr *header = &control.header;
    ssize_t n;

    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(passed_count * sizeof(int));
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(passed_count * sizeof(int));
    memcpy(CMSG_DATA(header), passed, passed_count * sizeof(int));
    do {
        n = sendmsg(helper->line, &message, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

int question_ask(const struct helper *helper, const void *bytes, size_t len)
{
    int ends[2];
    bool asked;
    int saved;

    if (!descriptor_pipe_nonblocking(ends))
        return -1;
    asked = question_send(helper, bytes, len, &ends[1], 1);
    saved = errno;
    (void)close(ends[1]);
    if (asked)
        return ends[0];
    (void)close(ends[0]);
    errno = saved;
    return -1;
}

ssize_t question_take(int fd, void *answer, size_t size)
{
    ssize_t n;

    do {
        n = read(fd, answer, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

bool question_settle(const struct helper *helper, const void *bytes, size_t len, void *answer,
                     size_t size, int64_t deadline_ms)
{
    ssize_t n = -1;
    int fd, saved;

    while ((fd = question_ask(helper, bytes, len)) < 0) {
        if (!descriptor_would_wait(errno) || !descriptor_await(helper->line, POLLOUT, deadline_ms))
            return false;
    }
    if (descriptor_await(fd, POLLIN, deadline_ms))
        n = question_take(fd, answer, size);
    saved = n < 0 ? errno : EPROTO;
    (void)close(fd);
    errno = saved;
    return n == (ssize_t)size;
}

/* Take the descriptors out of a message that was received; those too many are closed. */
static void detach(struct msghdr *message, int *passed, size_t passed_count)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t count;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
        if (i >= passed_count) {
            (void)close(fd);
            continue;
        }
        if (ON_EXEC == 0)
            (void)descriptor_set_cloexec(fd);
        passed[i] = fd;
    }
}

size_t question_receive(int line, void *bytes, size_t size, int *passed, size_t passed_count,
                        int64_t until_ms)
{
    int flags = ON_EXEC | (until_ms == NEVER_MS ? 0 : MSG_DONTWAIT); /* others may wait, too */
    struct iovec piece = {bytes, size};
    union control control;
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n;

    for (size_t i = 0; i < passed_count; i++)
        passed[i] = -1;
    while ((n = recvmsg(line, &message, flags)) < 0 && errno == EINTR)
        continue;
    while (n < 0 && descriptor_would_wait(errno) && descriptor_await(line, POLLIN, until_ms))
        n = recvmsg(line, &message, flags);
    if (n <= 0)
        return 0;
    detach(&message, passed, passed_count);
    return (size_t)n;
}

bool question_is_awaited(int fd)
{
    return descriptor_look(fd, 0) == 0;
}

void question_answer(int fd, const void *answer, size_t len)
{
    ssize_t n = write(fd, answer, len); /* into a pipe that is empty: whole, or nobody reads it */

    (void)n;
    (void)close(fd);
}
