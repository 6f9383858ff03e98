/*
 * Owns the sockets that wait for calls, and the taking of one. Must never leave a descriptor open
 * that it does not hand out, nor block.
 */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net_socket.h"
#include "resolve.h"

void net_listeners_close(struct net_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        (void)close(listeners->fds[i]);
    listeners->count = 0;
    local_remove(&listeners->local);
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
    /* A known peer's hello may come with its SYN. That a network may repeat it is harmless: a hello
     * proves nothing by itself, and serve takes each only once (replay.h). */
    int fd = net_socket(info->ai_family);
    int saved;

    if (fd < 0)
        return -1;
    net_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (info->ai_family == AF_INET6)
        net_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? 0 : 1);
#ifdef TCP_FASTOPEN
    net_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, NET_BACKLOG);
#endif
    net_tune(fd);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, NET_BACKLOG) == 0)
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
static void listen_everywhere(struct net_listeners *listeners, const struct addrinfo *list)
{
    for (int pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
            if ((info->ai_family == AF_INET6) != (pass == 0))
                continue;
            listeners->fds[0] = listen_on(info, true);
            if (listeners->fds[0] >= 0) {
                listeners->count = 1;
                return;
            }
        }
    }
}

/* Add the sockets of one family's addresses; a free port found for the first is used for all. */
static void listen_each(struct net_listeners *listeners, const struct addrinfo *list, int family)
{
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        int fd;

        if (info->ai_family != family || listeners->count == NET_LISTENERS_MAX)
            continue;
        if (listeners->count > 0) {
            struct sockaddr_storage bound = bound_address(listeners->fds[0], listeners->text);

            set_port(info->ai_addr, get_port(&bound));
        }
        fd = listen_on(info, false);
        if (fd >= 0)
            listeners->fds[listeners->count++] = fd;
    }
}

enum kith_error net_listen(struct net_listeners *listeners, const struct address *address,
                           const struct net_options *options, enum net_scope scope,
                           const char **why)
{
    struct addrinfo *list = NULL;
    bool everywhere = address->host[0] == '\0' && scope == NET_EVERYWHERE;
    enum kith_error error;

    memset(listeners, 0, sizeof(*listeners));
    if (address->path[0] != '\0') {
        address_format(listeners->text, address);
        error = local_listen(&listeners->local, address->path, &listeners->fds[0], why);
        listeners->count = error == OK ? 1 : 0;
        return error;
    }
    error = resolve(address, options->family, everywhere, INT64_MAX, &list, why);
    if (error != OK)
        return error;
    if (everywhere) {
        listen_everywhere(listeners, list);
    } else {
        listen_each(listeners, list, AF_INET);
        listen_each(listeners, list, AF_INET6);
    }
    if (listeners->count == 0)
        *why = strerror(errno);
    else
        net_describe_listener(listeners);
    freeaddrinfo(list);
    return listeners->count > 0 ? OK : ERR_BIND;
}

/* A caller of a socket for both families is one of IPv4, if it is. */
static void unmap(struct net_peer *peer)
{
    const struct sockaddr_in6 *mapped = (const struct sockaddr_in6 *)&peer->address;
    struct sockaddr_in plain = {.sin_family = AF_INET};

    if (peer->address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&mapped->sin6_addr))
        return;
    plain.sin_port = mapped->sin6_port;
    memcpy(&plain.sin_addr, mapped->sin6_addr.s6_addr + 12, sizeof(plain.sin_addr));
    memcpy(&peer->address, &plain, sizeof(plain));
    peer->len = sizeof(plain);
}

void net_local_address(int fd, struct net_peer *local)
{
    memset(local, 0, sizeof(*local));
    local->len = sizeof(local->address);
    (void)getsockname(fd, (struct sockaddr *)&local->address, &local->len);
    unmap(local);
    address_of_socket(local->text, (struct sockaddr *)&local->address, local->len);
}

bool net_accept(int listener, int *fd, struct net_peer *peer)
{
    peer->len = sizeof(peer->address);
    *fd = net_take_call(listener, (struct sockaddr *)&peer->address, &peer->len);
    if (*fd < 0)
        return false;
    unmap(peer);
    address_of_socket(peer->text, (struct sockaddr *)&peer->address, peer->len);
    return true;
}
