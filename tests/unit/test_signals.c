/*
 * Signals as something to poll for: none is lost, whatever number of others comes before.
 */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "system/signals.h"
#include "tap.h"

#define SIGNALS 65
#define MANY 100000 /* more than a pipe holds bytes */

static int descriptor;

static bool is_ready(void)
{
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};

    return poll(&wait, 1, 0) == 1;
}

/* How often each signal is reported, until there is none left. */
static void count(int counts[static SIGNALS])
{
    int number;

    for (int i = 0; i < SIGNALS; i++)
        counts[i] = 0;
    while ((number = signals_next()) != 0)
        counts[number]++;
}

static void test_one(void)
{
    CHECK(!is_ready() && signals_next() == 0, "there is none at first");
    (void)raise(SIGHUP);
    CHECK(is_ready(), "one wakes");
    CHECK(signals_next() == SIGHUP, "and is told");
    CHECK(signals_next() == 0 && !is_ready(), "once");
}

static void test_many(void)
{
    int counts[SIGNALS];

    for (int i = 0; i < MANY; i++)
        (void)raise(SIGUSR1);
    (void)raise(SIGCHLD);
    (void)raise(SIGTERM);
    CHECK(is_ready(), "very many wake");
    CHECK(signals_next() == SIGTERM, "the end behind very many others is told first");
    count(counts);
    CHECK(counts[SIGCHLD] == 1, "a child's end behind very many others is told");
    CHECK(counts[SIGUSR1] == 1, "the others are told as one");
    CHECK(!is_ready(), "and then nothing wakes any more");
}

static void test_twice(void)
{
    int counts[SIGNALS];

    (void)raise(SIGTERM);
    (void)raise(SIGTERM);
    (void)raise(SIGINT);
    count(counts);
    CHECK(counts[SIGTERM] == 2 && counts[SIGINT] == 1, "the end is told as often as it came");
}

static void test_noted(void)
{
    signals_note(SIGCHLD);
    CHECK(is_ready() && signals_next() == SIGCHLD, "one that is noted is told as well");
}

/* As a shell's "&" starts its commands. */
static void test_ignored(void)
{
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_DFL);
    descriptor = signals_start();
    (void)raise(SIGINT);
    CHECK(!is_ready() && signals_next() == 0, "one that was ignored remains so");
    (void)raise(SIGTERM);
    CHECK(is_ready() && signals_next() == SIGTERM, "and only that one");
}

static void test_state(void)
{
    sigset_t all, now;
    struct sigaction action;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)signal(SIGCHLD, SIG_IGN);
    signals_prepare();
    (void)sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK(sigismember(&now, SIGTERM) == 0 && sigismember(&now, SIGCHLD) == 0, "none is blocked");
    CHECK(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_DFL,
          "children are not ignored");
}

int main(void)
{
    test_state();
    descriptor = signals_start();
    CHECK(descriptor >= 0, "there is something to poll");
    test_one();
    test_many();
    test_twice();
    test_noted();
    test_ignored();
    return tap_done();
}
