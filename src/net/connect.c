/*
 * Owns the race of connection attempts to the addresses of one name, which others have found. Must
 * never wait for a dead address longer than a quarter of a second before it starts on the next one.
 */
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"

#define STAGGER_MS 250 /* RFC 8305, section 5 */
#define ATTEMPTS_MAX 32
#define BACKLOG_PAUSE_MOST_MS 20 /* between two tries at a full backlog */

struct race {
    const struct resolved *to;
    size_t next; /* the first address not tried yet */
    const struct net_options *options;
    int64_t deadline_ms;
    struct pollfd attempts[ATTEMPTS_MAX]; /* under way */
    nfds_t count;
    bool refused;           /* by the machine: nobody listens there */
    struct problem problem; /* why the attempt that failed last did */
};

/* Why it cannot be bound: that it is about our address, and not the one that is called. */
static const char *why_no_source(int system_errno, const struct sockaddr *source)
{
    struct ip ip = endpoint_ip(source);

    if (system_errno == EADDRNOTAVAIL)
        return "--source is not an address of this machine";
    if (socket_lacks_zone(source))
        return "--source is a link-local address and needs its zone, as in fe80::1%eth0";
    if (ip_is_mapped(&ip))
        return "--source is an IPv4 address inside an IPv6 one: write the IPv4 address alone";
    return strerror(system_errno);
}

/* Take the local address that --source gives, if it is of this family. */
static bool bind_source(int fd, int family, const struct resolved *source, struct problem *problem)
{
    for (size_t i = 0; i < source->count; i++) {
        const struct socket_address *from = &source->list[i];

        if (from->at.any.sa_family != family)
            continue;
        if (bind(fd, &from->at.any, from->len) == 0)
            return true;
        return problem_say(problem, "%s", why_no_source(errno, &from->at.any));
    }
    return problem_say(problem, "--source is not an address of the same family");
}

/*
 * Where the kernel has it, let the first message go with the SYN, and so save a round trip. The
 * connection then is taken for made before the other side has said anything, so that this is for
 * an address that no other one could win against.
 */
static void send_with_syn(int fd)
{
#ifdef TCP_FASTOPEN_CONNECT
    socket_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
#else
    (void)fd;
#endif
}

/* Call from one of our addresses, if one is meant, and to one of the peer's. */
static bool begin_to_connect(struct race *race, int fd, const struct socket_address *to)
{
    const struct net_options *options = race->options;

    if (options->source != NULL &&
        !bind_source(fd, to->at.any.sa_family, options->source, &race->problem))
        return false;
    if (connect(fd, &to->at.any, to->len) == 0 || errno == EINPROGRESS)
        return true;
    race->refused = errno == ECONNREFUSED;
    return problem_say(&race->problem, "%s", socket_reason(errno, &to->at.any));
}

/* Start on one address; -1 if that fails at once. */
static int start_attempt(struct race *race, const struct socket_address *to)
{
    int fd = socket_open(to->at.any.sa_family);

    race->refused = false;
    if (fd < 0) {
        (void)problem_say(&race->problem, "%s", strerror(errno));
        return -1;
    }
    if (race->options->reset_on_close)
        socket_reset_on_close(fd, true);
    if (race->to->count == 1 && race->options->first_with_syn)
        send_with_syn(fd);
    if (begin_to_connect(race, fd, to))
        return fd;
    (void)close(fd);
    return -1;
}

/* Start on the next address that can be started on. */
static void start_next(struct race *race)
{
    while (race->next < race->to->count && race->count < ATTEMPTS_MAX) {
        int fd = start_attempt(race, &race->to->list[race->next++]);

        if (fd >= 0) {
            race->attempts[race->count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
            return;
        }
    }
}

/*
 * See which attempts have come to an end. Returns the descriptor of one that is connected, taken
 * out of the race, or -1; *failed tells whether one has failed.
 */
static int collect_attempt(struct race *race, bool *failed)
{
    *failed = false;
    for (nfds_t i = 0; i < race->count;) {
        int result = 0;
        socklen_t len = sizeof(result);
        int fd = race->attempts[i].fd;

        if (race->attempts[i].revents == 0) {
            i++;
            continue;
        }
        race->attempts[i] = race->attempts[--race->count];
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) == 0 && result == 0)
            return fd;
        (void)problem_say(&race->problem, "%s", strerror(result));
        race->refused = result == ECONNREFUSED;
        *failed = true;
        (void)close(fd);
    }
    return -1;
}

/* Run the race; -1 when all have failed (*error is OK) or at the deadline or a failure to wait. */
static int run_race(struct race *race, enum kith_error *error)
{
    int64_t deadline_ms = race->deadline_ms;
    int64_t next_start_ms = clock_deadline_ms(STAGGER_MS);
    int winner = -1;

    start_next(race);
    while (winner < 0 && race->count > 0) {
        bool more = race->next < race->to->count && race->count < ATTEMPTS_MAX;
        int64_t until_ms = more && next_start_ms < deadline_ms ? next_start_ms : deadline_ms;
        bool failed;
        int ready = poll(race->attempts, race->count, clock_poll_timeout(until_ms));

        if (ready < 0 && errno != EINTR) {
            (void)problem_say(&race->problem, "%s", strerror(errno));
            break;
        }
        if (clock_now_ms() >= deadline_ms && ready <= 0) {
            *error = ERR_CONNECT_TIMEOUT;
            (void)problem_say(&race->problem, "no answer in time");
            break;
        }
        if (ready < 0)
            continue;
        winner = collect_attempt(race, &failed);
        if (winner < 0 && (failed || clock_now_ms() >= next_start_ms)) {
            next_start_ms = clock_deadline_ms(STAGGER_MS);
            start_next(race);
        }
    }
    while (race->count > 0)
        (void)close(race->attempts[--race->count].fd);
    return winner;
}

/*
 * It answers at once, but for one whose backlog is full (EAGAIN): poll does not tell when there is
 * a place in it again, so it is asked, at growing intervals.
 */
enum kith_error connect_to_path(const char path[static PATH_SIZE], int64_t deadline_ms, int *fd,
                                struct problem *problem)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int pause_ms = 1;

    memcpy(to.sun_path, path, sizeof(to.sun_path));
    *fd = socket_open(AF_UNIX);
    while (*fd >= 0 && connect(*fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        bool full = errno == EAGAIN;
        int left_ms = clock_poll_timeout(deadline_ms);

        if (full && left_ms > 0) {
            clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
            pause_ms = (int)clock_longer_pause(pause_ms, 1, BACKLOG_PAUSE_MOST_MS);
            continue;
        }
        (void)problem_say(problem, "%s", full ? "its backlog is full" : strerror(errno));
        (void)close(*fd);
        *fd = -1;
        return full ? ERR_CONNECT_FULL : ERR_CONNECT;
    }
    if (*fd < 0)
        (void)problem_say(problem, "%s", strerror(errno));
    return *fd >= 0 ? OK : ERR_CONNECT;
}

enum kith_error connect_to_any(const struct resolved *to, const struct net_options *options,
                               int64_t deadline_ms, int *fd, struct endpoint *peer,
                               struct problem *problem)
{
    struct race race = {.to = to, .options = options, .deadline_ms = deadline_ms};
    struct sockaddr_storage reached;
    socklen_t len = sizeof(reached);
    enum kith_error error = OK;

    memset(peer, 0, sizeof(*peer));
    *fd = run_race(&race, &error);
    if (*fd < 0) {
        (void)problem_say(problem, "%s", race.problem.why);
        if (error == OK)
            error = race.refused ? ERR_CONNECT_REFUSED : ERR_CONNECT;
        return error;
    }
    if (to->count == 1) /* which getpeername does not know before the SYN is sent */
        endpoint_set(peer, &to->list[0].at, to->list[0].len);
    else if (getpeername(*fd, (struct sockaddr *)&reached, &len) == 0)
        endpoint_set(peer, &reached, len);
    socket_tune(*fd);
    return OK;
}
