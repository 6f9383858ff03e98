/*
 * Owns the making of sockets for calls in both directions. Must never leave a descriptor open
 * that it does not hand out, nor block.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "resolve.h"

#define BACKLOG 1024

/* A vanished peer: probed after 30 s of silence, each 10 s, given up after 3; sent data
 * unacknowledged for a minute likewise. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 3
#define USER_TIMEOUT_MS 60000

bool net_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void net_tune(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
#endif
#ifdef TCP_KEEPINTVL
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
#endif
#ifdef TCP_USER_TIMEOUT
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
#endif
}

void net_close_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
}

void net_listeners_close(struct net_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        (void)close(listeners->fds[i]);
    listeners->count = 0;
}

static void set_port(struct sockaddr *address, in_port_t port)
{
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = port;
    else if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = port;
}

static in_port_t get_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)address)->sin_port;
    return ((const struct sockaddr_in6 *)(const void *)address)->sin6_port;
}

/* One listening socket; -1 with errno. dual: an IPv6 one takes IPv4 calls as well. */
static int listen_on(const struct addrinfo *info, bool dual)
{
    int fd = socket(info->ai_family, SOCK_STREAM, 0);
    int saved;

    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (info->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? 0 : 1);
    if (net_set_nonblocking(fd) && bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

/* The address in use of a socket that listens. */
static struct sockaddr_storage bound_address(int fd, char text[static ADDRESS_TEXT_SIZE])
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);

    (void)getsockname(fd, (struct sockaddr *)&bound, &len);
    address_of_socket(text, (struct sockaddr *)&bound, len);
    return bound;
}

void net_describe_listener(struct net_listeners *listeners)
{
    (void)bound_address(listeners->fds[0], listeners->text);
}

/* Every address here: one socket for both families, where the system has IPv6. */
static bool listen_everywhere(struct net_listeners *listeners, const struct addrinfo *list)
{
    for (int pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
            if ((info->ai_family == AF_INET6) != (pass == 0))
                continue;
            listeners->fds[0] = listen_on(info, true);
            if (listeners->fds[0] >= 0) {
                listeners->count = 1;
                net_describe_listener(listeners);
                return true;
            }
        }
    }
    return false;
}

/* Each address of a name; a free port found for the first is used for the others. */
static bool listen_each(struct net_listeners *listeners, const struct addrinfo *list)
{
    in_port_t port = 0;

    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        int fd;

        if (listeners->count == NET_LISTENERS_MAX)
            break;
        if (listeners->count > 0)
            set_port(info->ai_addr, port);
        fd = listen_on(info, false);
        if (fd < 0)
            continue;
        if (listeners->count == 0) {
            struct sockaddr_storage bound = bound_address(fd, listeners->text);

            port = get_port(&bound);
        }
        listeners->fds[listeners->count++] = fd;
    }
    return listeners->count > 0;
}

enum kith_error net_listen(struct net_listeners *listeners, const struct address *address,
                           const struct net_options *options, const char **why)
{
    struct addrinfo *list = NULL;
    enum kith_error error;
    bool listening;

    memset(listeners, 0, sizeof(*listeners));
    error = resolve(address, options->family, true, INT64_MAX, &list, why);
    if (error != OK)
        return error;
    listening = address->host[0] == '\0' ? listen_everywhere(listeners, list)
                                         : listen_each(listeners, list);
    if (!listening)
        *why = strerror(errno);
    freeaddrinfo(list);
    return listening ? OK : ERR_BIND;
}

bool net_accept(int listener, int *fd, struct net_peer *peer)
{
    do {
        peer->len = sizeof(peer->address);
        *fd = accept(listener, (struct sockaddr *)&peer->address, &peer->len);
    } while (*fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (*fd < 0)
        return false;
    if (!net_set_nonblocking(*fd)) {
        (void)close(*fd);
        return false;
    }
    net_tune(*fd);
    address_of_socket(peer->text, (struct sockaddr *)&peer->address, peer->len);
    return true;
}
