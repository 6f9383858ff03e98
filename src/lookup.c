/*
 * Owns the process that resolves names. It must never wait for the resolver itself: each question
 * has a child of its own.
 */
#include "lookup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "line.h"
#include "net_socket.h"
#include "protect.h"
#include "resolve.h"
#include "sandbox.h"
#include "signals.h"

#define CHILDREN_MAX 256 /* questions under way; further ones get no answer */
#define REAP_MS 1000     /* between two looks for children that have ended */

/* Answer in a child. False if there can be none: who asked sees the pipe close. */
static bool answer_in_child(int line, struct resolve_question *question, int answer_fd)
{
    pid_t child = fork();

    if (child == 0) {
        (void)close(line);
        resolve_answer(question, answer_fd);
        _exit(0);
    }
    return child > 0;
}

static void reap(int *children)
{
    while (*children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        (*children)--;
}

/* Its whole life: until the line is closed. */
static void serve(int line)
{
    struct pollfd wait = {.fd = line, .events = POLLIN};
    struct resolve_question question;
    int children = 0;

    for (;;) {
        int answer_fd = -1;
        int ready = poll(&wait, 1, children > 0 ? REAP_MS : -1);

        reap(&children);
        if (ready <= 0)
            continue;
        if (line_receive(line, &question, sizeof(question), sizeof(question), &answer_fd,
                         NEVER_MS) == 0)
            return;
        if (answer_fd < 0)
            continue;
        if (children < CHILDREN_MAX && answer_in_child(line, &question, answer_fd))
            children++;
        (void)close(answer_fd);
    }
}

/* In the forked process: nothing of what our parent has is left, but the line to it. */
static void live(int line)
{
    static const struct sandbox_needs needs = {.reads = true};

    signals_ignore();
    (void)signal(SIGCHLD, SIG_DFL);
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        protect_vacate(standard);
    protect_close_all_but(&line, 1);
    sandbox_enter(SANDBOX_LOOKUP, &needs);
    serve(line);
}

enum kith_error lookup_start(void)
{
    int ends[2];
    pid_t process;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        return ERR_SYSTEM;
    process = fork();
    if (process == 0) {
        (void)close(ends[0]);
        live(ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    if (process > 0 && net_set_nonblocking(ends[0])) {
        resolve_by(ends[0]);
        return OK;
    }
    (void)close(ends[0]);
    return ERR_SYSTEM;
}
