/*
 * The use of descriptors that others have, too: no wait without an end, none that ends too soon.
 */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

static int written = -1; /* the end of a pipe that the signal writes to, or -1 */
static volatile sig_atomic_t signals;

static void note(int number)
{
    (void)number;
    signals++;
    if (written >= 0 && signals > 3)
        (void)!write(written, "x", 1);
}

/* A signal each so many milliseconds; in the end the last one may still be on its way. */
static void have_signals(bool have, int ms)
{
    const struct sigaction action = {.sa_handler = have ? note : SIG_IGN};
    const struct timeval period = {ms / 1000, ms % 1000 * 1000};

    signals = 0;
    if (have)
        (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &(const struct itimerval){period, period}, NULL);
    if (!have)
        (void)sigaction(SIGALRM, &action, NULL);
}

static void test_await(void)
{
    int ends[2];
    int64_t until_ms;

    CHECK(descriptor_pipe(ends), "a pipe");
    have_signals(true, 1);
    until_ms = clock_deadline_ms(20);
    CHECK(!descriptor_await(ends[0], POLLIN, until_ms) && errno == ETIMEDOUT && signals > 0 &&
              clock_now_ms() >= until_ms,
          "a wait goes on over signals, to its deadline");
    written = ends[1];
    CHECK(descriptor_await(ends[0], POLLIN, clock_deadline_ms(20000)), "or to what it is for");
    have_signals(false, 0);
    written = -1;
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* In a pipe of which nobody reads, as many bytes as it takes. */
static size_t fill(int fd)
{
    static const char bytes[PIPE_BUF];
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    size_t most = 64; /* no pipe is larger than so many times that */
    size_t count = 0;

    while (poll(&wait, 1, 0) == 1 && most-- > 0)
        count += (size_t)write(fd, bytes, sizeof(bytes));
    return count;
}

/* Its mode is not ours to change: it is written to so that it does not block. */
static void test_write(void)
{
    static const char many[4 * PIPE_BUF];
    static char taken[PIPE_BUF];
    int ends[2];
    ssize_t n;

    CHECK(descriptor_pipe(ends), "a pipe that blocks");
    CHECK(fill(ends[1]) > 0, "it is full");
    CHECK(descriptor_write(ends[1], many, sizeof(many)) == -1 && errno == EAGAIN,
          "what is full is not waited for");
    CHECK(read(ends[0], taken, sizeof(taken)) == PIPE_BUF, "some is read of it");
    have_signals(true, 5000); /* which would end a write that waits */
    n = descriptor_write(ends[1], many, sizeof(many));
    CHECK(n == PIPE_BUF && signals == 0, "no more is written than there is room for");
    have_signals(false, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    test_await();
    test_write();
    return tap_done();
}
