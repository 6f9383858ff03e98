/*
 * Owns the PROXY protocol's bytes. Must never believe a header from a source that was not named,
 * which is the caller's to see to, nor read beyond its end.
 */
#include "calls/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_LEN 12
#define FIXED_LEN 16 /* of version 2, before its addresses */
#define V1_MAX 107   /* bytes of a line of version 1, its CRLF included */
#define V2_BODY_MAX 2048
#define IPV4_LEN 12 /* bytes of both addresses and ports */
#define IPV6_LEN 36
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_TCP4 0x11
#define FAMILY_TCP6 0x21

static const uint8_t signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static void store_u16be(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* Any address as IPv6: what is IPv4 is mapped. */
static struct in6_addr as_ipv6(const struct sockaddr *address, in_port_t *port)
{
    struct in6_addr mapped = {{{0}}};

    *port = 0;
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

        *port = in6->sin6_port;
        return in6->sin6_addr;
    }
    mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        *port = in->sin_port;
        memcpy(mapped.s6_addr + 12, &in->sin_addr, 4);
    }
    return mapped;
}

/* Both addresses and ports after the fixed part; sets the family. Returns their length. */
static size_t put_addresses(uint8_t *header, const struct sockaddr *from, const struct sockaddr *to)
{
    uint8_t *at = header + FIXED_LEN;
    in_port_t ports[2];
    struct in6_addr source = as_ipv6(from, &ports[0]), target = as_ipv6(to, &ports[1]);
    bool both_ipv4 = IN6_IS_ADDR_V4MAPPED(&source) && IN6_IS_ADDR_V4MAPPED(&target);
    size_t skipped = both_ipv4 ? 12 : 0, len = sizeof(source) - skipped;

    header[13] = both_ipv4 ? FAMILY_TCP4 : FAMILY_TCP6;
    memcpy(at, source.s6_addr + skipped, len);
    memcpy(at + len, target.s6_addr + skipped, len);
    memcpy(at + 2 * len, ports, sizeof(ports));
    return 2 * len + sizeof(ports);
}

static size_t put_value(uint8_t *at, uint8_t type, const void *value, size_t len)
{
    at[0] = type;
    store_u16be(at + 1, len);
    memcpy(at + 3, value, len);
    return 3 + len;
}

size_t proxy_header(uint8_t out[static PROXY_HEADER_MAX], const struct net_peer *peer,
                    const struct sockaddr *local, const uint8_t key[static KEY_SIZE],
                    const char *name)
{
    size_t len = FIXED_LEN;

    memcpy(out, signature, SIGNATURE_LEN);
    out[12] = COMMAND_PROXY;
    len += put_addresses(out, (const struct sockaddr *)&peer->address, local);
    if (name[0] != '\0')
        len += put_value(out + len, PROXY_TYPE_NAME, name, strlen(name));
    len += put_value(out + len, PROXY_TYPE_KEY, key, KEY_SIZE);
    store_u16be(out + 14, len - FIXED_LEN);
    return len;
}

static void set_peer(struct net_peer *peer, int family, const void *address, in_port_t port)
{
    memset(&peer->address, 0, sizeof(peer->address));
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&peer->address;

        in->sin_port = port;
        memcpy(&in->sin_addr, address, sizeof(in->sin_addr));
        peer->len = sizeof(*in);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&peer->address;

        in6->sin6_port = port;
        memcpy(&in6->sin6_addr, address, sizeof(in6->sin6_addr));
        peer->len = sizeof(*in6);
    }
    peer->address.ss_family = (sa_family_t)family;
    address_of_socket(peer->text, (struct sockaddr *)&peer->address, peer->len);
}

/* A port as it has to be written: digits, at most 65535. */
static bool parse_port(const char *text, in_port_t *port)
{
    size_t len = strlen(text);
    unsigned long value = strtoul(text, NULL, 10);

    *port = htons((uint16_t)value);
    return len >= 1 && len <= 5 && strspn(text, "0123456789") == len && value <= 65535;
}

/* "PROXY TCP4 SOURCE TARGET SOURCE-PORT TARGET-PORT", without its CRLF. */
static enum kith_error parse_v1(char *line, struct net_peer *peer)
{
    char *fields[6] = {NULL}, *rest = line;
    unsigned char source[sizeof(struct in6_addr)], target[sizeof(struct in6_addr)];
    in_port_t source_port, target_port;
    size_t count = 0;
    int family;

    while (count < 6 && rest != NULL) {
        char *blank = strchr(rest, ' ');

        fields[count++] = rest;
        if (blank != NULL)
            *blank = '\0';
        rest = blank != NULL ? blank + 1 : NULL;
    }
    if (count >= 2 && strcmp(fields[1], "UNKNOWN") == 0)
        return OK;
    if (count != 6 || rest != NULL)
        return ERR_PROXY_HEADER;
    family = strcmp(fields[1], "TCP4") == 0 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && strcmp(fields[1], "TCP6") != 0)
        return ERR_PROXY_HEADER;
    if (inet_pton(family, fields[2], source) != 1 || inet_pton(family, fields[3], target) != 1 ||
        !parse_port(fields[4], &source_port) || !parse_port(fields[5], &target_port))
        return ERR_PROXY_HEADER;
    set_peer(peer, family, source, source_port);
    return OK;
}

/* A line of version 1, whole. */
static enum kith_error parse_line(const struct proxy_input *input, struct net_peer *peer)
{
    char line[V1_MAX + 1];
    size_t len = input->len;

    if (input->bytes[len - 2] != '\r' || memchr(input->bytes, '\0', len) != NULL)
        return ERR_PROXY_HEADER;
    memcpy(line, input->bytes, len);
    line[len - 2] = '\0';
    return parse_v1(line, peer);
}

/* A header of version 2, whole. */
static enum kith_error parse_v2(const struct proxy_input *input, struct net_peer *peer)
{
    const uint8_t *body = input->bytes + FIXED_LEN;
    size_t len = input->len - FIXED_LEN;
    in_port_t port;

    if (input->bytes[12] == COMMAND_LOCAL)
        return OK;
    if (input->bytes[13] == FAMILY_TCP4 && len >= IPV4_LEN) {
        memcpy(&port, body + 8, sizeof(port));
        set_peer(peer, AF_INET, body, port);
    } else if (input->bytes[13] == FAMILY_TCP6 && len >= IPV6_LEN) {
        memcpy(&port, body + 32, sizeof(port));
        set_peer(peer, AF_INET6, body, port);
    } else {
        return ERR_PROXY_HEADER;
    }
    return OK;
}

static const char unknown[] = "PROXY UNKNOWN\r\n"; /* a byte shorter than all others */

static bool is_unknown(const struct proxy_input *input)
{
    return memcmp(input->bytes, unknown, sizeof(unknown) - 1) == 0;
}

static bool is_v2(const struct proxy_input *input)
{
    return memcmp(input->bytes, signature, SIGNATURE_LEN) == 0;
}

/* How many bytes it has at least beyond those that are here; 0 if none, or *error is set. */
static size_t lacking(const struct proxy_input *input, enum kith_error *error)
{
    const uint8_t *bytes = input->bytes;
    size_t least = sizeof(unknown) - 1, len = input->len;

    if (len < least || (len == least && !is_unknown(input)))
        return len < least ? least - len : 1;
    if (len == least)
        return 0;
    if (is_v2(input)) {
        size_t body = (size_t)bytes[14] << 8 | bytes[15];

        if (body <= V2_BODY_MAX && (bytes[12] == COMMAND_LOCAL || bytes[12] == COMMAND_PROXY))
            return FIXED_LEN + body - len;
    } else if (memcmp(bytes, "PROXY ", 6) == 0 && memchr(bytes, '\n', least) == NULL) {
        if (bytes[len - 1] == '\n')
            return 0;
        if (len < V1_MAX)
            return 1; /* since what comes after the line is not ours */
    }
    *error = ERR_PROXY_HEADER;
    return 0;
}

bool proxy_receive(struct proxy_input *input, int fd, struct net_peer *peer, enum kith_error *error)
{
    size_t wanted;

    *error = OK;
    while ((wanted = lacking(input, error)) > 0) {
        ssize_t n = recv(fd, input->bytes + input->len, wanted, 0);

        if (n > 0) {
            input->len += (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            *error = ERR_HANDSHAKE_CUT;
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    if (*error == OK && !is_unknown(input))
        *error = is_v2(input) ? parse_v2(input, peer) : parse_line(input, peer);
    return true;
}
