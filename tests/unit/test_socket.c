/*
 * How a connection is set up, whoever has made it.
 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/connect.h"
#include "net/listen.h"
#include "tap.h"

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static bool await(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};

    return poll(&wait, 1, 20000) == 1;
}

/* A connection through our own functions: ends[0] has called, ends[1] was called. */
static void join(int ends[static 2])
{
    static const struct net_options net = {.family = AF_UNSPEC};
    struct address here = {.host = "127.0.0.1", .port = "0"};
    struct listeners listeners = {.count = 0};
    struct resolved found;
    struct endpoint from;
    struct problem problem;
    bool made;

    made =
        listeners_open(&listeners, &here, NULL, &net, LISTEN_EVERYWHERE, &problem) == OK &&
        address_parse(&here, listeners.text, ADDRESS_PORT, NULL) &&
        resolve_number(&here, net.family, &found) &&
        connect_to_any(&found, &net, clock_deadline_ms(20000), &ends[0], &from, &problem) == OK &&
        await(listeners.fds[0], POLLIN) && listeners_accept(listeners.fds[0], &ends[1], &from);
    if (!made)
        exit(1);
    listeners_close(&listeners);
}

static void test_set_up(int fd, const char *whose)
{
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
          "%s is closed on exec, and does not block", whose);
    CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) == 1, "%s sends every write at once", whose);
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1, "%s finds out whether its peer is there",
          whose);
#ifdef TCP_USER_TIMEOUT
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 30 &&
              option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0,
          "%s in about a minute", whose);
    socket_probe_often(fd, true);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 3 &&
              option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) > 0,
          "%s in seconds, also where something is owed", whose);
    socket_probe_often(fd, false);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 30 &&
              option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0,
          "%s as before", whose);
#endif
}

/* What comes until the end, of 4 bytes at most. */
static size_t read_all(int fd, char bytes[static 4])
{
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < 4 && await(fd, POLLIN)) {
        n = recv(fd, bytes + len, 4 - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    return len;
}

static void test_connection(void)
{
    char bytes[4];
    int ends[2];

    join(ends);
    test_set_up(ends[0], "who calls");
    test_set_up(ends[1], "who is called");
    CHECK(send(ends[0], "1", 1, 0) == 1 && send(ends[0], "2", 1, MSG_OOB) == 1 &&
              send(ends[0], "3", 1, 0) == 1 && shutdown(ends[0], SHUT_WR) == 0,
          "an urgent byte between others");
    CHECK(read_all(ends[1], bytes) == 3 && memcmp(bytes, "123", 3) == 0, "is read in its place");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* What waits at a UNIX socket stays there for who reads, whatever becomes of us. */
static void test_taken(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        exit(1);
    CHECK(socket_is_unix(ends[0]) && send(ends[0], "some", 4, 0) == 4, "some bytes");
    CHECK(socket_queued(ends[0]) != 0 && socket_unacknowledged(ends[0]) == 0,
          "wait to be read at a UNIX socket, and cannot be lost");
    CHECK(!socket_has_gone(ends[0]), "where the other side is");
    (void)close(ends[1]);
    CHECK(socket_has_gone(ends[0]), "until it closes");
    CHECK(socket_was_reset(ends[0]), "which it did without reading all");
    (void)close(ends[0]);
}

int main(void)
{
    test_connection();
    test_taken();
    return tap_done();
}
