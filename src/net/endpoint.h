/*
 * One end of a connection: the address of a socket, and how it is shown.
 */
#ifndef KITH_ENDPOINT_H
#define KITH_ENDPOINT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/address.h"

struct endpoint {
    struct sockaddr_storage address;
    socklen_t len; /* 0 while it is not known */
    uint64_t user; /* who calls at a UNIX socket (socket_user); 0 anywhere else */
    char text[ADDRESS_TEXT_SIZE];
};

/* It is at the address of a socket, which may be its own. */
void endpoint_set(struct endpoint *endpoint, const void *address, socklen_t len);

/* The same for an IP address and a port, in the order of the network. */
void endpoint_set_ip(struct endpoint *endpoint, const struct ip *ip, in_port_t port);

/* Our own end of a connection. */
void endpoint_set_own(struct endpoint *endpoint, int fd);

/* One of IPv4 that a socket for both families has shown as one of IPv6 becomes what it is. */
void endpoint_unmap(struct endpoint *endpoint);

/*
 * Where somebody comes from, as far as limits and counts go: an IPv4 address, or the 64 bits of
 * IPv6 that one customer of a provider has at least; at a UNIX socket, the user. The same number
 * for the same source; 0 for what has neither.
 */
uint64_t endpoint_source(const struct endpoint *endpoint);

/*
 * Learn the names of the zones that there are, in the main thread, while the system can be asked:
 * what is confined knows none that comes later, and shows its number.
 */
void endpoint_learn_zones(void);

/* The host and port of a socket's address as numbers, and its zone; false if it has none. */
bool endpoint_split(struct address *parts, const struct sockaddr *address, socklen_t len);

/* The numeric form of a socket's address: 127.0.0.1:40123, [::1]:40123, a path, or "?". */
void endpoint_format(char out[static ADDRESS_TEXT_SIZE], const struct sockaddr *address,
                     socklen_t len);

/* The parts of a socket's address; an IP address of no bytes and port 0 where there are none. */
struct ip endpoint_ip(const struct sockaddr *address);
in_port_t endpoint_port(const struct sockaddr *address);
void endpoint_set_port(struct sockaddr *address, in_port_t port);

#endif
