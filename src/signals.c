/*
 * Owns the signal handlers of a daemon. A handler writes one byte to a pipe, and nothing else.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "net_socket.h"

#define LEAVING_S 2

static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};

static int ends[2] = {-1, -1};

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    (void)sigaction(number, &action, NULL);
}

static void end_by(int number)
{
    _exit(128 + number);
}

void signals_prepare(void)
{
    set_handler(SIGPIPE, SIG_IGN);
    if (getpid() != 1)
        return;
    set_handler(SIGINT, end_by);
    set_handler(SIGTERM, end_by);
    set_handler(SIGHUP, end_by);
}

void signals_ignore(void)
{
    set_handler(SIGINT, SIG_IGN);
    set_handler(SIGTERM, SIG_IGN);
    set_handler(SIGHUP, SIG_IGN);
    set_handler(SIGUSR1, SIG_IGN);
}

static void hang_up(int number)
{
    (void)number;
    set_handler(SIGHUP, SIG_DFL);
    (void)raise(SIGHUP);
}

static void leave_soon(int number)
{
    (void)number;
    set_handler(SIGALRM, hang_up);
    (void)alarm(LEAVING_S);
}

void signals_linger_on_hangup(void)
{
    struct sigaction before;

    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        set_handler(SIGHUP, leave_soon);
}

static void note(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    /* A full pipe has a thousand signals waiting: this one is among them. */
    ssize_t n = write(ends[1], &byte, 1);

    (void)n;
    errno = saved;
}

int signals_start(void)
{
    if (!net_pipe(ends))
        return -1;
    if (!net_set_nonblocking(ends[0]) || !net_set_nonblocking(ends[1]))
        return -1;
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        set_handler(handled[i], note);
    return ends[0];
}

int signals_next(void)
{
    unsigned char byte;

    return read(ends[0], &byte, 1) == 1 ? byte : 0;
}

_Noreturn void signals_end_by(int number)
{
    set_handler(number, SIG_DFL);
    (void)raise(number);
    _exit(128 + number); /* the first process of a container survives its signals */
}
