/*
 * Owns the sockets that wait for calls, and the taking of one. Must never leave a descriptor open
 * that it does not hand out, nor block.
 */
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/resolve.h"
#include "net/socket.h"

#define PORT_TRIES 16 /* for one that is free at several addresses */

static void close_all(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        (void)close(listeners->fds[i]);
    listeners->count = 0;
}

/* A path is removed first: while it is listened on, nobody takes it for that of a dead process. */
void listeners_close(struct listeners *listeners)
{
    unix_socket_remove(&listeners->made);
    close_all(listeners);
}

/* Whether an IPv6 socket takes IPv4 calls as well. */
static bool takes_both(int fd)
{
    int only_ipv6 = 1;
    socklen_t len = sizeof(only_ipv6);

    return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, &len) == 0 && only_ipv6 == 0;
}

/* One listening socket; -1 with errno. dual: an IPv6 one takes IPv4 calls as well. */
static int listen_on(const struct socket_address *at, bool dual)
{
    /* A known peer's hello may come with its SYN. That a network may repeat it is harmless: a hello
     * proves nothing by itself, and serve takes each only once (calls/replay.h). */
    int fd = socket_open(at->at.any.sa_family);
    int saved;

    if (fd < 0)
        return -1;
    socket_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (at->at.any.sa_family == AF_INET6)
        socket_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? 0 : 1);
#ifdef TCP_FASTOPEN
    socket_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, SOCKET_BACKLOG);
#endif
    socket_tune(fd);
    if (bind(fd, &at->at.any, at->len) == 0 && listen(fd, SOCKET_BACKLOG) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

/*
 * Whether a system without this family is what a failure means: it has no socket for it, or no
 * address, not even that of the loopback. errno is left as it was.
 */
static bool family_is_missing(int family)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bool is_ipv6 = family == AF_INET6;
    int saved = errno;
    bool missing = saved == EAFNOSUPPORT;

    if (saved == EADDRNOTAVAIL) {
        int fd = socket_open(family);

        missing = bind(fd, is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4,
                       is_ipv6 ? sizeof(ipv6) : sizeof(ipv4)) != 0 &&
                  errno == EADDRNOTAVAIL;
        if (fd >= 0)
            (void)close(fd);
    }
    errno = saved;
    return missing;
}

/* The address in use of a socket that listens. One for both families is every address here. */
static struct sockaddr_storage bound_address(int fd, char text[static ADDRESS_TEXT_SIZE])
{
    struct sockaddr_storage bound = {0};
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&bound;
    socklen_t len = sizeof(bound);

    (void)getsockname(fd, (struct sockaddr *)&bound, &len);
    if (bound.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ipv6->sin6_addr) && takes_both(fd))
        (void)snprintf(text, ADDRESS_TEXT_SIZE, ":%u", (unsigned)ntohs(ipv6->sin6_port));
    else
        endpoint_format(text, (struct sockaddr *)&bound, len);
    return bound;
}

void listeners_describe(struct listeners *listeners)
{
    (void)bound_address(listeners->fds[0], listeners->text);
}

static void set_ports(struct resolved *found, in_port_t port)
{
    for (size_t i = 0; i < found->count; i++)
        endpoint_set_port(&found->list[i].at.any, port);
}

/* Why an address cannot be listened on. */
static const char *reason(int system_errno, const struct sockaddr *address)
{
    if (system_errno == EACCES && ntohs(endpoint_port(address)) < IPPORT_RESERVED)
        return "ports below 1024 are root's, or systemd's, which passes them to serve and forward";
    return socket_reason(system_errno, address);
}

static const char *advice(int system_errno)
{
    switch (system_errno) {
    case EADDRINUSE:
        return "another program listens there: ss -ltnp shows which";
    case EADDRNOTAVAIL:
        return "is it an address of this machine, and its interface up?";
    default:
        return NULL;
    }
}

/*
 * Add a socket for an address. One of a family that is not there is passed over. False, with errno,
 * if it cannot be; the text then is that address.
 */
static bool add_listener(struct listeners *listeners, const struct socket_address *at, bool dual,
                         struct problem *problem)
{
    int fd, saved;

    if (listeners->count == LISTENERS_MAX)
        return problem_say(problem, "its name has too many addresses");
    fd = listen_on(at, dual);
    if (fd >= 0) {
        listeners->fds[listeners->count++] = fd;
        return true;
    }
    if (family_is_missing(at->at.any.sa_family))
        return true;
    saved = errno;
    endpoint_format(listeners->text, &at->at.any, at->len);
    (void)problem_advise(problem, advice(saved), "%s", reason(saved, &at->at.any));
    errno = saved;
    return false;
}

/* Whether an address stands further ahead in its list, too: a hosts file may say it twice. */
static bool is_repeated(const struct resolved *found, size_t place)
{
    const struct socket_address *at = &found->list[place];

    for (size_t i = 0; i < place; i++) {
        if (found->list[i].len == at->len && memcmp(&found->list[i].at, &at->at, at->len) == 0)
            return true;
    }
    return false;
}

/* Add the sockets of one family's addresses; a free port found for the first is used for all. */
static bool listen_each(struct listeners *listeners, struct resolved *found, int family, bool dual,
                        struct problem *problem)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->list[i].at.any.sa_family != family || is_repeated(found, i))
            continue;
        if (!add_listener(listeners, &found->list[i], dual, problem))
            return false;
        if (listeners->count == 1) {
            struct sockaddr_storage first = bound_address(listeners->fds[0], listeners->text);

            set_ports(found, endpoint_port((const struct sockaddr *)&first));
        }
    }
    return true;
}

/* Every address here: one socket for both families, where the system has such. */
static bool listen_everywhere(struct listeners *listeners, struct resolved *found, bool dual,
                              struct problem *problem)
{
    if (!listen_each(listeners, found, AF_INET6, dual, problem))
        return false;
    if (listeners->count > 0 && takes_both(listeners->fds[0]))
        return true;
    return listen_each(listeners, found, AF_INET, false, problem);
}

/*
 * Listen on all addresses of a list, or on none: whoever comes to one that is not ours would speak
 * to whoever has it, and in the clear at a LOCAL.
 */
static bool listen_on_all(struct listeners *listeners, struct resolved *found, bool everywhere,
                          bool dual, struct problem *problem)
{
    if (everywhere)
        return listen_everywhere(listeners, found, dual, problem);
    return listen_each(listeners, found, AF_INET, false, problem) &&
           listen_each(listeners, found, AF_INET6, false, problem);
}

/* The same with any free port: one that is free at the first address may be taken at another. */
static bool listen_somewhere(struct listeners *listeners, struct resolved *found, bool everywhere,
                             bool dual, struct problem *problem)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        set_ports(found, 0);
        if (listen_on_all(listeners, found, everywhere, dual, problem))
            return true;
        if (errno != EADDRINUSE)
            return false;
        close_all(listeners);
    }
    return false;
}

static enum kith_error listen_at_path(struct listeners *listeners, const struct address *at,
                                      struct problem *problem)
{
    enum kith_error error =
        unix_socket_listen(&listeners->made, at->path, &listeners->fds[0], problem);

    address_format(listeners->text, at);
    listeners->count = error == OK ? 1 : 0;
    return error;
}

enum kith_error listeners_open(struct listeners *listeners, const struct address *address,
                               const struct resolved *named, const struct net_options *options,
                               enum listen_scope scope, struct problem *problem)
{
    struct resolved found;
    bool everywhere = address->host[0] == '\0' && scope == LISTEN_EVERYWHERE;
    bool dual = everywhere && options->family == AF_UNSPEC;
    enum kith_error error = OK;
    bool open;

    memset(listeners, 0, sizeof(*listeners));
    if (address->path[0] != '\0')
        return listen_at_path(listeners, address, problem);
    address_format(listeners->text, address);
    if (named != NULL)
        found = *named;
    else
        error = resolve(address, options->family, everywhere, &found, problem);
    if (error != OK)
        return error;
    open = address_port(address) == 0
               ? listen_somewhere(listeners, &found, everywhere, dual, problem)
               : listen_on_all(listeners, &found, everywhere, dual, problem);
    if (open && listeners->count == 0) /* of a family that is not there, as the other one */
        open = problem_say(problem, "%s", strerror(errno));
    if (open) {
        listeners_describe(listeners);
        return OK;
    }
    close_all(listeners);
    if (everywhere)
        address_format(listeners->text, address);
    return ERR_BIND;
}

/* A caller of a socket for both families is one of IPv4, if it is. */
bool listeners_accept(int listener, int *fd, struct endpoint *from)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    *fd = socket_take_call(listener, (struct sockaddr *)&address, &len);
    if (*fd < 0)
        return false;
    endpoint_set(from, &address, len);
    endpoint_unmap(from);
    from->user = address.ss_family == AF_UNIX ? socket_user(*fd) : 0;
    return true;
}
