/*
 * Owns the signals: the state that they are in from the start, and the handlers of a daemon. A
 * handler counts its signal and wakes who polls, and must never do anything else.
 */
#include "system/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "base/descriptor.h"

#define LEAVING_S 2
#define INSISTING_S 3
#define SIGNALS 65 /* and more than there are elsewhere */

/*
 * What a daemon answers; those that end it first, so that no number of others holds them up. The
 * last two are only passed on.
 */
static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGQUIT, SIGUSR2};
#define HANDLED (sizeof(handled) / sizeof(handled[0]))

/* Those whose state at our start somebody may want to have again. */
static const int given[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                            SIGUSR2, SIGPIPE, SIGXFSZ, SIGCHLD, SIGTTOU};
#define GIVEN (sizeof(given) / sizeof(given[0]))

static bool ignored_at_start[GIVEN];
static sigset_t blocked_at_start;
static pid_t starter;          /* who may hang up on us, if we linger then */
static atomic_bool passing_on; /* what comes, to a program: it does not end us */

static atomic_uint came[HANDLED]; /* times, since it was last answered */
static atomic_uint told_to_end;   /* times, in all */
static atomic_int insisting;      /* the last of these */
static int ends[2] = {-1, -1};    /* a pipe with a byte in it when there is one to answer */

/* Those that are watched for a time, and how they were before. */
static const int watched[] = {SIGINT, SIGTERM};
#define WATCHED (sizeof(watched) / sizeof(watched[0]))
static struct sigaction unwatched[WATCHED];

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    (void)sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Who started us may not want us to end by it: a shell's "&" has SIGINT ignored, nohup SIGHUP. */
static void set_handler_unless_ignored(int number, void (*handler)(int))
{
    if (!is_ignored(number))
        set_handler(number, handler);
}

static void end_by(int number)
{
    _exit(128 + number);
}

void signals_hold(sigset_t *before)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, before);
}

void signals_let_go(const sigset_t *before)
{
    int saved = errno;

    (void)sigprocmask(SIG_SETMASK, before, NULL);
    errno = saved;
}

void signals_unblock(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_reset(void)
{
    for (int number = 1; number < SIGNALS; number++)
        set_handler(number, SIG_DFL); /* but for those that have no other, which is fine */
}

bool signals_end_with(pid_t parent)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
    return getppid() == parent;
}

void signals_give_back(void)
{
    for (size_t i = 0; i < GIVEN; i++)
        set_handler(given[i], ignored_at_start[i] ? SIG_IGN : SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &blocked_at_start, NULL);
}

void signals_prepare(void)
{
    for (size_t i = 0; i < GIVEN; i++)
        ignored_at_start[i] = is_ignored(given[i]);
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked_at_start);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
    set_handler(SIGCHLD, SIG_DFL); /* ignored, it would take the status of our children away */
    signals_unblock();
    if (getpid() != 1)
        return;
    set_handler_unless_ignored(SIGINT, end_by);
    set_handler_unless_ignored(SIGTERM, end_by);
    set_handler_unless_ignored(SIGHUP, end_by);
}

void signals_ignore(void)
{
    set_handler(SIGINT, SIG_IGN);
    set_handler(SIGQUIT, SIG_IGN);
    set_handler(SIGTERM, SIG_IGN);
    set_handler(SIGHUP, SIG_IGN);
    set_handler(SIGUSR1, SIG_IGN);
    set_handler(SIGUSR2, SIG_IGN);
}

static void hang_up(int number)
{
    (void)number;
    set_handler(SIGHUP, SIG_DFL);
    (void)raise(SIGHUP);
}

/*
 * Whether nobody is at the other side of what we read and of what we write any more. A stdout that
 * we have closed ourselves, at the peer's end, tells nothing, and a stdin alone not enough: whoever
 * wrote there may have been ended by the same signal.
 */
static bool is_left(void)
{
    const short gone = POLLHUP | POLLERR | POLLNVAL;

    return (descriptor_look(STDIN_FILENO, POLLIN) & gone) != 0 &&
           (descriptor_look(STDOUT_FILENO, 0) & gone) != 0;
}

static void leave_soon(int number, siginfo_t *info, void *unused)
{
    (void)unused;
    if (info->si_code > 0 || info->si_pid != starter || !is_left()) {
        hang_up(number);
        return;
    }
    set_handler(SIGALRM, hang_up);
    (void)alarm(LEAVING_S);
}

void signals_linger_on_hangup(void)
{
    struct sigaction before;
    const struct sigaction action = {.sa_sigaction = leave_soon,
                                     .sa_flags = SA_RESTART | SA_SIGINFO};

    starter = getppid();
    if (getpgid(starter) == getpgrp() && sigaction(SIGHUP, NULL, &before) == 0 &&
        before.sa_handler == SIG_DFL)
        (void)sigaction(SIGHUP, &action, NULL);
}

static bool ends_us(int number)
{
    return number == SIGINT || number == SIGTERM;
}

static void end_at_once(int unused)
{
    (void)unused;
    signals_end_by(atomic_load(&insisting));
}

/*
 * A second one has its way within a moment, even if who should answer it hangs in something that
 * never ends.
 */
static void insist(int number)
{
    int none = 0;

    if (!atomic_compare_exchange_strong(&insisting, &none, number))
        return; /* a third one does not put it off */
    set_handler(SIGALRM, end_at_once);
    (void)alarm(INSISTING_S);
}

void signals_note(int number)
{
    int saved = errno;
    ssize_t n;

    if (ends_us(number) && !passing_on && atomic_fetch_add(&told_to_end, 1) > 0)
        insist(number);

    for (size_t i = 0; i < HANDLED; i++) {
        if (handled[i] == number)
            (void)atomic_fetch_add(&came[i], 1);
    }
    n = write(ends[1], "", 1); /* a pipe that is full wakes as well */
    (void)n;
    errno = saved;
}

void signals_wake(void)
{
    signals_note(0); /* which is no signal */
}

static void note_unless_of_terminal(int number, siginfo_t *info, void *unused)
{
    (void)unused;
    if (info->si_code <= 0) /* by a process, and not by the system */
        signals_note(number);
}

void signals_pass_on(bool passes)
{
    struct sigaction action = {.sa_sigaction = note_unless_of_terminal,
                               .sa_flags = SA_RESTART | SA_SIGINFO};

    passing_on = passes;
    set_handler(SIGTTOU, SIG_IGN);
    for (size_t i = 0; i < GIVEN && given[i] != SIGPIPE; i++) {
        if (ignored_at_start[i])
            set_handler(given[i], SIG_IGN);
        else if (passes)
            (void)sigaction(given[i], &action, NULL);
        else
            set_handler(given[i], signals_note);
    }
}

void signals_expect(void)
{
    set_handler(SIGHUP, signals_note);
    set_handler(SIGUSR1, signals_note);
}

static bool make_pipe(void)
{
    return descriptor_pipe(ends) && descriptor_set_nonblocking(ends[0]) &&
           descriptor_set_nonblocking(ends[1]);
}

int signals_watch_ends(void)
{
    if (!make_pipe())
        return -1;
    for (size_t i = 0; i < WATCHED; i++) {
        (void)sigaction(watched[i], NULL, &unwatched[i]);
        set_handler_unless_ignored(watched[i], signals_note);
    }
    return ends[0];
}

void signals_watch_no_more(void)
{
    if (ends[0] < 0)
        return;
    for (size_t i = 0; i < WATCHED; i++)
        (void)sigaction(watched[i], &unwatched[i], NULL);
    (void)close(ends[0]);
    (void)close(ends[1]);
    ends[0] = ends[1] = -1;
}

int signals_start(void)
{
    if (!make_pipe())
        return -1;
    for (size_t i = 0; i < HANDLED && handled[i] != SIGQUIT; i++) {
        if (ends_us(handled[i]))
            set_handler_unless_ignored(handled[i], signals_note);
        else
            set_handler(handled[i], signals_note);
    }
    return ends[0];
}

void signals_leave_to_main(void)
{
    sigset_t theirs;

    (void)sigemptyset(&theirs);
    for (size_t i = 0; i < HANDLED; i++)
        (void)sigaddset(&theirs, handled[i]);
    (void)pthread_sigmask(SIG_BLOCK, &theirs, NULL);
}

/* The pipe is emptied first: what comes after that wakes again. */
int signals_next(void)
{
    char bytes[64];

    while (read(ends[0], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        continue;
    for (size_t i = 0; i < HANDLED; i++) {
        if (atomic_load(&came[i]) == 0)
            continue;
        if (ends_us(handled[i])) /* a second one means more than the first */
            (void)atomic_fetch_sub(&came[i], 1);
        else
            atomic_store(&came[i], 0);
        return handled[i];
    }
    return 0;
}

_Noreturn void signals_end_by(int number)
{
    set_handler(number, SIG_DFL);
    (void)raise(number);
    _exit(128 + number); /* the first process of a container survives its signals */
}
