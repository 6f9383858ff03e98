/*
 * Addresses as people write them: HOST:PORT, [v6]:PORT, PORT, or the path of a UNIX socket; and
 * the numbers in them.
 */
#ifndef KITH_ADDRESS_H
#define KITH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/problem.h"
#include "base/text.h"

#define HOST_SIZE 256 /* a domain name and its NUL (RFC 1035, 2.3.4) */
#define PORT_SIZE 6   /* "65535" and its NUL */
#define PATH_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path))

/* Room for an address as text: [v6%scope]:port, or a path, and the NUL. */
#define ADDRESS_TEXT_SIZE (HOST_SIZE + PORT_SIZE + 3)

/* Parts of an address; a part that was not given is empty. Either a path, or a port. */
struct address {
    char host[HOST_SIZE];
    char port[PORT_SIZE];
    char path[PATH_SIZE];
};

enum address_form {
    ADDRESS_HOST_PORT, /* to call: both are needed */
    ADDRESS_PORT,      /* to listen: the host may be missing */
    ADDRESS_LOCAL,     /* and it may be a path, told by its '/' */
    ADDRESS_TARGET     /* the same, to call */
};

/*
 * Read text. A port is a number from 1 to 65535, or, to listen, 0, which asks for a free one. False
 * if it is none of the forms that are allowed; problem (or NULL) then says why.
 */
bool address_parse(struct address *address, const char *text, enum address_form form,
                   struct problem *problem);

/* Whether two are written alike. */
bool address_equals(const struct address *one, const struct address *other);

/* Whether its host is a name, which takes a resolver. */
bool address_has_name(const struct address *address);

/* Its port as a number; 0 if it has none. */
uint16_t address_port(const struct address *address);

/* Write it as it would be parsed: HOST:PORT with brackets where they are needed, or the path. */
void address_format(char out[static ADDRESS_TEXT_SIZE], const struct address *address);

#define IPV4_SIZE 4
#define IPV6_SIZE 16

/* An IP address, without a zone. */
struct ip {
    uint8_t bytes[IPV6_SIZE];
    size_t size; /* IPV4_SIZE or IPV6_SIZE; 0 for none */
};

/* Read one that is written in numbers; an IPv6 one of the second may have a zone after it. */
bool ip_parse(struct ip *ip, struct text text);
bool ip_parse_zoned(struct ip *ip, struct text text);

/*
 * An IPv4 address may be written as one of IPv6, ::ffff:a.b.c.d: whether it is, how it becomes one
 * of IPv4, and one of IPv4 such a one. What is neither stays as it is.
 */
bool ip_is_mapped(const struct ip *ip);
void ip_unmap(struct ip *ip);
void ip_map(struct ip *ip);

/* A port as it has to be written: up to five digits, 0 to 65535. */
bool port_parse(const char *text, uint16_t *port);

#endif
