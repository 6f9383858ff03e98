/*
 * The taking of calls: whose turn it is, when there is a pause, and when there is no more to try.
 */
#include "net/acceptance.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap.h"

#define LIMIT_MS 20000
#define CALLS 3 /* that wait at each listener */

static struct poll_set set;
static struct listeners listeners;
static struct acceptance acceptance;
static int callers[2 * CALLS];

static int listen_at(struct sockaddr_in *address)
{
    socklen_t len = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, CALLS) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0)
        exit(1);
    return fd;
}

static void begin(void)
{
    struct sockaddr_in address;

    listeners = (struct listeners){.count = 2, .text = "here"};
    for (size_t i = 0; i < 2 * CALLS; i++) {
        if (i % CALLS == 0)
            listeners.fds[i / CALLS] = listen_at(&address);
        callers[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(callers[i], (struct sockaddr *)&address, sizeof(address)) != 0)
            exit(1);
    }
    acceptance_begin(&acceptance, "test", &listeners);
}

static void end(void)
{
    for (size_t i = 0; i < 2 * CALLS; i++)
        (void)close(callers[i]);
    (void)close(listeners.fds[0]);
    (void)close(listeners.fds[1]);
}

/* One round of poll, and what comes of it: at which of the two a call was taken, or -1. */
static int take(enum accepted *outcome)
{
    struct sockaddr_in at, own;
    socklen_t len = sizeof(at);
    struct endpoint from;
    int64_t until_ms;
    int fd = -1, place = -1;

    poll_set_clear(&set);
    until_ms = acceptance_arm(&acceptance, &set);
    if (!poll_set_wait(&set, until_ms != NEVER_MS ? until_ms : clock_deadline_ms(LIMIT_MS)))
        exit(1);
    *outcome = acceptance_take(&acceptance, &set, &fd, &from);
    if (*outcome != ACCEPTED)
        return -1;
    (void)getsockname(fd, (struct sockaddr *)&own, &len);
    for (int i = 0; i < 2; i++) {
        (void)getsockname(listeners.fds[i], (struct sockaddr *)&at, &len);
        place = at.sin_port == own.sin_port ? i : place;
    }
    (void)close(fd);
    return place;
}

static void test_turns(void)
{
    enum accepted outcome;
    int first, second;

    begin();
    first = take(&outcome);
    second = take(&outcome);
    CHECK(first >= 0 && second >= 0 && first != second, "two listeners take turns");
    for (int i = 2; i < 2 * CALLS; i++)
        CHECK(take(&outcome) >= 0, "all that wait are taken");
    end();
}

static void test_pause(void)
{
    struct rlimit usual, none;
    enum accepted outcome;
    struct endpoint from;
    int fd, taken = -1;

    begin();
    if (getrlimit(RLIMIT_NOFILE, &usual) != 0)
        exit(1);
    none = (struct rlimit){0, usual.rlim_max};
    poll_set_clear(&set);
    (void)acceptance_arm(&acceptance, &set);
    if (!poll_set_wait(&set, clock_deadline_ms(LIMIT_MS)) || setrlimit(RLIMIT_NOFILE, &none) != 0)
        exit(1);
    CHECK(acceptance_take(&acceptance, &set, &fd, &from) == ACCEPTED_NO_ROOM,
          "without a descriptor there is no room");
    (void)setrlimit(RLIMIT_NOFILE, &usual);
    CHECK(acceptance_take(&acceptance, &set, &fd, &from) == ACCEPTED_NONE ||
              clock_now_ms() >= acceptance.paused_until_ms,
          "then nothing is taken for a while");
    for (int i = 0; i < 2 && taken < 0; i++)
        taken = take(&outcome);
    CHECK(taken >= 0, "for which poll waits, too");
    end();
}

/* Who has passed it to us may still end it. */
static void test_never(void)
{
    enum accepted outcome;

    begin();
    (void)shutdown(listeners.fds[0], SHUT_RDWR);
    (void)shutdown(listeners.fds[1], SHUT_RDWR);
    (void)take(&outcome);
    CHECK(outcome == ACCEPTED_NEVER && errno == EINVAL,
          "what listens no longer is not tried again");
    end();
}

int main(void)
{
    log_configure(LOG_ERROR, false);
    if (poll_set_make(&set, 2) != OK)
        return 1;
    test_turns();
    test_pause();
    test_never();
    poll_set_free(&set);
    return tap_done();
}
