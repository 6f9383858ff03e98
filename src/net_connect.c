/*
 * Owns the race of connection attempts to the addresses of one name. Must never wait for a dead
 * address longer than a quarter of a second before it starts on the next one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "net.h"
#include "net_socket.h"
#include "resolve.h"

#define STAGGER_MS 250 /* RFC 8305, section 5 */
#define ATTEMPTS_MAX 32

struct race {
    const struct addrinfo *next; /* the first address not tried yet */
    const struct net_options *options;
    bool alone;                           /* there is one address only */
    struct pollfd attempts[ATTEMPTS_MAX]; /* under way */
    nfds_t count;
    int last_errno; /* of the attempt that failed last */
};

/* Take the local address that --source gives, if it is of this family. */
static bool bind_source(int fd, const struct addrinfo *to, const char *source)
{
    struct addrinfo hints = {
        .ai_family = to->ai_family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *from = NULL;
    bool bound;

    if (getaddrinfo(source, NULL, &hints, &from) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    bound = bind(fd, from->ai_addr, from->ai_addrlen) == 0;
    freeaddrinfo(from);
    return bound;
}

/*
 * Where the kernel has it, let the first message go with the SYN, and so save a round trip. The
 * connection then is taken for made before the other side has said anything, so that this is for
 * an address that no other one could win against.
 */
static void send_with_syn(int fd)
{
#ifdef TCP_FASTOPEN_CONNECT
    net_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
#else
    (void)fd;
#endif
}

/* Start on one address; -1 with errno if that fails at once. */
static int start_attempt(const struct addrinfo *to, const struct net_options *options, bool alone)
{
    int fd = net_socket(to->ai_family);
    int saved;

    if (fd < 0)
        return -1;
    if (alone && options->first_with_syn)
        send_with_syn(fd);
    if ((options->source == NULL || bind_source(fd, to, options->source)) &&
        (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS))
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

/* Start on the next address that can be started on. */
static void start_next(struct race *race)
{
    while (race->next != NULL && race->count < ATTEMPTS_MAX) {
        const struct addrinfo *to = race->next;
        int fd = start_attempt(to, race->options, race->alone);

        race->next = to->ai_next;
        if (fd >= 0) {
            race->attempts[race->count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
            return;
        }
        race->last_errno = errno;
    }
}

/*
 * See which attempts have come to an end. Returns the descriptor of one that is connected, taken
 * out of the race, or -1; *failed tells whether one has failed.
 */
static int collect(struct race *race, bool *failed)
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
        race->last_errno = result;
        *failed = true;
        (void)close(fd);
    }
    return -1;
}

/* Run the race; -1 when all have failed (*error is OK) or at the deadline or a failure to wait. */
static int run(struct race *race, int64_t deadline_ms, enum kith_error *error)
{
    int64_t next_start_ms = clock_deadline_ms(STAGGER_MS);
    int winner = -1;

    start_next(race);
    while (winner < 0 && race->count > 0) {
        bool more = race->next != NULL && race->count < ATTEMPTS_MAX;
        int64_t until_ms = more && next_start_ms < deadline_ms ? next_start_ms : deadline_ms;
        bool failed;
        int ready = poll(race->attempts, race->count, clock_poll_timeout(until_ms));

        if (ready < 0 && errno != EINTR) {
            race->last_errno = errno;
            break;
        }
        if (clock_now_ms() >= deadline_ms && ready <= 0) {
            *error = ERR_HANDSHAKE_TIMEOUT;
            break;
        }
        if (ready < 0)
            continue;
        winner = collect(race, &failed);
        if (winner < 0 && (failed || clock_now_ms() >= next_start_ms)) {
            next_start_ms = clock_deadline_ms(STAGGER_MS);
            start_next(race);
        }
    }
    while (race->count > 0)
        (void)close(race->attempts[--race->count].fd);
    return winner;
}

/* Connect to a UNIX socket: it answers at once or never. */
static enum kith_error connect_path(const struct address *address, int *fd, const char **why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    memcpy(to.sun_path, address->path, sizeof(to.sun_path));
    *fd = net_socket(AF_UNIX);
    if (*fd >= 0 && connect(*fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return OK;
    *why = strerror(errno);
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    return ERR_CONNECT;
}

enum kith_error net_connect(const struct address *address, const struct net_options *options,
                            int64_t deadline_ms, int *fd, struct net_peer *peer, const char **why)
{
    struct race race = {.options = options};
    struct addrinfo *list = NULL;
    enum kith_error error;

    *fd = -1;
    *why = NULL;
    memset(peer, 0, sizeof(*peer));
    if (address->path[0] != '\0') {
        address_format(peer->text, address);
        return connect_path(address, fd, why);
    }
    error = resolve(address, options->family, false, deadline_ms, &list, why);
    if (error != OK)
        return error;
    race.next = list;
    race.alone = list->ai_next == NULL;
    if (race.alone) { /* which getpeername does not know before the SYN is sent */
        memcpy(&peer->address, list->ai_addr, list->ai_addrlen);
        peer->len = list->ai_addrlen;
    }
    *fd = run(&race, deadline_ms, &error);
    resolve_free(list);
    if (*fd < 0) {
        peer->len = 0;
        if (error == OK)
            *why = strerror(race.last_errno);
        return error == OK ? ERR_CONNECT : error;
    }
    if (!race.alone) {
        peer->len = sizeof(peer->address);
        (void)getpeername(*fd, (struct sockaddr *)&peer->address, &peer->len);
    }
    address_of_socket(peer->text, (struct sockaddr *)&peer->address, peer->len);
    net_tune(*fd);
    return OK;
}
