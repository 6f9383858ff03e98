/*
 * The PROXY protocol of HAProxy (proxy-protocol.txt, versions 1 and 2): telling a target who has
 * called, and being told by a load balancer.
 */
#ifndef KITH_PROXY_PROTOCOL_H
#define KITH_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "keys/public_key.h"
#include "net/endpoint.h"

/* Types of our own, from the range that the specification leaves to applications. */
#define PROXY_TYPE_NAME 0xe0 /* the peer's name, as in the peers file */
#define PROXY_TYPE_KEY 0xe1  /* its public key, 32 bytes */

#define PROXY_HEADER_MAX 256

/*
 * Write a header of version 2 for a connection from the peer to local: its addresses, name and
 * key. Returns its length.
 */
size_t proxy_header(uint8_t out[static PROXY_HEADER_MAX], const struct endpoint *peer,
                    const struct sockaddr *local, const uint8_t key[static KEY_SIZE],
                    const char *name);

#define PROXY_INPUT_MAX (16 + 2048) /* the longest header that is taken */

/* A header of either version that is coming; starts as zeroed memory. */
struct proxy_input {
    size_t len;
    uint8_t bytes[PROXY_INPUT_MAX];
};

/*
 * Look at what is here of it. *wanted is how many bytes it has at least after those, and for which
 * there is room; 0 once it is whole. Then *peer becomes the caller that it names (and stays for a
 * LOCAL or UNKNOWN one). ERR_PROXY_HEADER, ERR_PROXY_LONG.
 */
must_check enum kith_error proxy_parse(const struct proxy_input *input, size_t *wanted,
                                       struct endpoint *peer);

#endif
