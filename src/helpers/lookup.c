/*
 * Owns the process that resolves names. It must never wait for the resolver itself: its children
 * do, each for one question at a time, and one that is free is always there.
 */
#include "helpers/lookup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "net/resolve.h"
#include "system/line.h"
#include "system/protect.h"
#include "system/sandbox.h"
#include "system/signals.h"

#define CHILDREN_MAX 256 /* questions under way; further ones wait */
#define LIFE_MS 10000    /* of a child that was asked: what its C library remembers is no older */
#define AGAIN_MS 1000    /* after a child could not be had */

/* What a child says of itself when it takes a question and when it is free again; or, with
 * nobody's number, that one has ended. */
struct news {
    pid_t process;
    bool busy;
};

struct children {
    struct news list[CHILDREN_MAX]; /* the last of each */
    size_t count;
    int news[2]; /* the pipe that they come by */
};

static int news_of_ends = -1; /* for the handler */

static void tell(int fd, const struct news *news)
{
    ssize_t n = write(fd, news, sizeof(*news)); /* whole or not at all */

    (void)n;
}

static void note_end(int number)
{
    static const struct news one_has_ended;
    int saved = errno;

    (void)number;
    tell(news_of_ends, &one_has_ended);
    errno = saved;
}

/* A child's life: question after question, for a while. */
static void answer_questions(int line, int news_fd)
{
    struct news news = {.process = getpid()};
    int64_t until_ms = NEVER_MS;
    struct resolve_question question;
    int answer_fd = -1;

    while (line_receive(line, &question, sizeof(question), sizeof(question), &answer_fd,
                        until_ms) != 0) {
        if (until_ms == NEVER_MS)
            until_ms = clock_deadline_ms(LIFE_MS);
        news.busy = true;
        tell(news_fd, &news);
        if (answer_fd >= 0) {
            resolve_answer(&question, answer_fd);
            (void)close(answer_fd);
            answer_fd = -1;
        }
        news.busy = false;
        tell(news_fd, &news);
        if (clock_now_ms() >= until_ms)
            break;
    }
}

static bool one_is_free(const struct children *children)
{
    for (size_t i = 0; i < children->count; i++) {
        if (!children->list[i].busy)
            return true;
    }
    return false;
}

/* See to it that the next question finds a child, if there can be one. */
static bool prepare_child(struct children *children, int line)
{
    pid_t process;

    if (one_is_free(children))
        return true;
    if (children->count == CHILDREN_MAX)
        return false;
    process = fork();
    if (process == 0) {
        (void)signal(SIGCHLD, SIG_DFL);
        (void)close(children->news[0]);
        answer_questions(line, children->news[1]);
        _exit(0);
    }
    if (process > 0)
        children->list[children->count++] = (struct news){.process = process};
    return process > 0;
}

static void forget(struct children *children, pid_t process)
{
    for (size_t i = 0; i < children->count; i++) {
        if (children->list[i].process == process)
            children->list[i] = children->list[--children->count];
    }
}

static void take_news(struct children *children)
{
    struct news news;
    pid_t ended;

    while (read(children->news[0], &news, sizeof(news)) == (ssize_t)sizeof(news)) {
        for (size_t i = 0; i < children->count; i++) {
            if (children->list[i].process == news.process)
                children->list[i].busy = news.busy;
        }
    }
    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
        forget(children, ended);
}

/* Its whole life: until the line is closed. */
static void serve(int line, struct children *children)
{
    for (;;) {
        bool prepared = prepare_child(children, line);
        struct pollfd fds[] = {
            {.fd = line}, /* its end only: what is asked there is the children's */
            {.fd = children->news[0], .events = POLLIN},
        };

        if (poll(fds, 2, prepared ? -1 : AGAIN_MS) > 0 && fds[0].revents != 0)
            return;
        take_news(children);
    }
}

/* In the forked process: nothing of what our parent has is left, but the line to it. */
static void live(int line)
{
    static const struct sandbox_needs needs = {.reads = true};
    static struct children children;
    const struct sigaction note = {.sa_handler = note_end};

    signals_ignore();
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        protect_vacate(standard);
    protect_close_all_but(&line, 1);
    if (!descriptor_pipe(children.news) || !descriptor_set_nonblocking(children.news[0]) ||
        !descriptor_set_nonblocking(children.news[1]))
        return;
    news_of_ends = children.news[1];
    (void)sigaction(SIGCHLD, &note, NULL);
    sandbox_enter(SANDBOX_LOOKUP, &needs);
    serve(line, &children);
}

void lookup_start(void)
{
    int ends[2];
    pid_t process;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
        (void)log_failure(LOG_ERROR, "lookup", NULL, ERR_SYSTEM, NULL, NULL);
        return;
    }
    process = fork();
    if (process == 0) {
        (void)close(ends[0]);
        live(ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    if (process > 0 && descriptor_set_nonblocking(ends[0])) {
        resolve_by(ends[0]);
        return;
    }
    (void)log_failure(LOG_ERROR, "lookup", NULL, ERR_SYSTEM, NULL, NULL);
    (void)close(ends[0]);
}
