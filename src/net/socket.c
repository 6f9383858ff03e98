/*
 * Owns the making of sockets, and their options. Must never make one that blocks, or
 * that a program which is started meanwhile inherits.
 */
#define _GNU_SOURCE /* accept4, struct tcp_info */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "base/descriptor.h"
#include "net/endpoint.h"

/* A vanished peer that owes us nothing: probed after 30 s, each 10 s, given up after 3 probes. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 3

/* The same where it must not take long: probed after 3 s, each second. */
#define PROBE_IDLE_S 3
#define PROBE_INTERVAL_S 1
#define PROBE_ALL_MS 6000 /* and without an acknowledgement of what it owes us, as long */

/* One that owes us an acknowledgement: given up after so long without any. */
#define VANISHED_MS 60000
#define PROBES_UNANSWERED 3 /* of a window that is shut: one may be under way to a live peer */

/* What a system's accepted sockets inherit from the one that listens is set there, once. */
#ifdef __linux__
#define INHERITED true
#else
#define INHERITED false
#endif

/*
 * Where the system can, a descriptor is closed on exec from the start: another thread may start a
 * program at any time.
 */
#ifdef SOCK_CLOEXEC
#define NEW_SOCKET (SOCK_CLOEXEC | SOCK_NONBLOCK)
#define accept_new(listener, address, len) accept4((listener), (address), (len), NEW_SOCKET)
#else
#define NEW_SOCKET 0
#define accept_new(listener, address, len) accept((listener), (address), (len))
#endif

int socket_open(int family)
{
    int fd = socket(family, SOCK_STREAM | NEW_SOCKET, 0);
    int saved;

    if (fd < 0 || NEW_SOCKET != 0 || descriptor_set_nonblocking(fd))
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

int socket_take_call(int listener, struct sockaddr *from, socklen_t *len)
{
    socklen_t size = *len;
    int fd;

    do {
        *len = size;
        fd = accept_new(listener, from, len);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd >= 0 && NEW_SOCKET == 0 && !descriptor_set_nonblocking(fd)) {
        (void)close(fd);
        return -1;
    }
    if (fd >= 0 && !INHERITED)
        socket_tune(fd);
    return fd;
}

bool socket_lacks_zone(const struct sockaddr *address)
{
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)address;

    return address->sa_family == AF_INET6 && ipv6->sin6_scope_id == 0 &&
           IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr);
}

const char *socket_reason(int system_errno, const struct sockaddr *address)
{
    struct ip ip = endpoint_ip(address);

    if (system_errno == EINVAL && socket_lacks_zone(address))
        return "a link-local address needs its zone, as in [fe80::1%eth0]:9000";
    if (system_errno == EINVAL && ip_is_mapped(&ip))
        return "an IPv4 address inside an IPv6 one: write the IPv4 address alone";
    return strerror(system_errno);
}

void socket_set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void socket_inline_urgent(int fd)
{
    socket_set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

void socket_tune(int fd)
{
    socket_inline_urgent(fd);
    socket_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    socket_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
#endif
#ifdef TCP_KEEPINTVL
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
#endif
}

void socket_probe_often(int fd, bool often)
{
#ifdef TCP_KEEPIDLE
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, often ? PROBE_IDLE_S : KEEPALIVE_IDLE_S);
#endif
#ifdef TCP_KEEPINTVL
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL,
                      often ? PROBE_INTERVAL_S : KEEPALIVE_INTERVAL_S);
#endif
#ifdef TCP_USER_TIMEOUT /* 0 is the system's own patience */
    socket_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, often ? PROBE_ALL_MS : 0);
#endif
}

bool socket_peer_is_silent(int fd)
{
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_last_ack_recv > VANISHED_MS &&
           (info.tcpi_unacked > 0 || info.tcpi_probes >= PROBES_UNANSWERED);
#else
    (void)fd;
    return false; /* the system's own patience, then */
#endif
}

bool socket_is_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

bool socket_can_carry(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 &&
           (S_ISFIFO(status.st_mode) ||
            (S_ISSOCK(status.st_mode) && socket_is_stream(fd) && !descriptor_listens(fd)));
}

bool socket_has_gone(int fd)
{
    return descriptor_look(fd, 0) != 0;
}

bool socket_is_deserted(int fd)
{
    char word;
    ssize_t n = recv(fd, &word, sizeof(word), MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && !descriptor_would_wait(errno) && errno != EINTR);
}

bool socket_was_reset(int fd)
{
    return (descriptor_look(fd, 0) & POLLERR) != 0;
}

uint64_t socket_user(int fd)
{
    uid_t user = (uid_t)-1; /* which nobody is */
#ifdef __linux__
    struct ucred who;
    socklen_t len = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
        user = who.uid;
#else
    (void)fd;
#endif
    return (uint64_t)user + 1;
}

int socket_queued(int fd)
{
#ifdef SIOCOUTQ
    int queued;

    return ioctl(fd, SIOCOUTQ, &queued) == 0 ? queued : -1;
#else
    (void)fd;
    return -1;
#endif
}

bool socket_is_unix(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_UNIX;
}

int socket_unacknowledged(int fd)
{
    int queued = socket_queued(fd);

    return queued > 0 && !socket_is_unix(fd) ? queued : 0;
}

void socket_reset_on_close(int fd, bool reset)
{
    struct linger linger = {.l_onoff = reset, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
