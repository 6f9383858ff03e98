/*
 * Owns the PROXY protocol's bytes, which others read and send. Must never believe a header from a
 * source that was not named, which is the caller's to see to, nor want bytes beyond its end.
 */
#include "calls/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdbool.h>
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

/* Both addresses and ports after the fixed part; sets the family. Returns their length. */
static size_t put_addresses(uint8_t *header, const struct sockaddr *from, const struct sockaddr *to)
{
    uint8_t *at = header + FIXED_LEN;
    in_port_t ports[2] = {endpoint_port(from), endpoint_port(to)};
    struct ip source = endpoint_ip(from), target = endpoint_ip(to);

    ip_unmap(&source);
    ip_unmap(&target);
    if (source.size == IPV6_SIZE || target.size == IPV6_SIZE) {
        ip_map(&source);
        ip_map(&target);
    } else { /* of a UNIX socket, which has none, 0.0.0.0 */
        source.size = target.size = IPV4_SIZE;
    }
    header[13] = source.size == IPV4_SIZE ? FAMILY_TCP4 : FAMILY_TCP6;
    memcpy(at, source.bytes, source.size);
    memcpy(at + source.size, target.bytes, target.size);
    memcpy(at + source.size + target.size, ports, sizeof(ports));
    return source.size + target.size + sizeof(ports);
}

static size_t put_value(uint8_t *at, uint8_t type, const void *value, size_t len)
{
    at[0] = type;
    store_u16be(at + 1, len);
    memcpy(at + 3, value, len);
    return 3 + len;
}

size_t proxy_header(uint8_t out[static PROXY_HEADER_MAX], const struct endpoint *peer,
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

/* One of the addresses of a line of version 1. */
static bool read_ip(struct ip *ip, const char *text, size_t size)
{
    return ip_parse(ip, (struct text){text, strlen(text)}) && ip->size == size;
}

/* "PROXY TCP4 SOURCE TARGET SOURCE-PORT TARGET-PORT", without its CRLF. */
static enum kith_error parse_v1(char *line, struct endpoint *peer)
{
    char *fields[6] = {NULL}, *rest = line;
    struct ip source, target;
    uint16_t source_port, target_port;
    size_t count = 0, size;

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
    size = strcmp(fields[1], "TCP4") == 0 ? IPV4_SIZE : IPV6_SIZE;
    if (size == IPV6_SIZE && strcmp(fields[1], "TCP6") != 0)
        return ERR_PROXY_HEADER;
    if (!read_ip(&source, fields[2], size) || !read_ip(&target, fields[3], size) ||
        !port_parse(fields[4], &source_port) || !port_parse(fields[5], &target_port))
        return ERR_PROXY_HEADER;
    endpoint_set_ip(peer, &source, htons(source_port));
    return OK;
}

/* A line of version 1, whole. */
static enum kith_error parse_line(const struct proxy_input *input, struct endpoint *peer)
{
    char line[V1_MAX + 1];
    size_t len = input->len;

    if (input->bytes[len - 2] != '\r' || memchr(input->bytes, '\0', len) != NULL)
        return ERR_PROXY_HEADER;
    memcpy(line, input->bytes, len);
    line[len - 2] = '\0';
    return parse_v1(line, peer);
}

/* A header of version 2, whole: both addresses, then both ports. */
static enum kith_error parse_v2(const struct proxy_input *input, struct endpoint *peer)
{
    const uint8_t *body = input->bytes + FIXED_LEN;
    size_t len = input->len - FIXED_LEN;
    struct ip source = {.size = 0};
    in_port_t port;

    if (input->bytes[12] == COMMAND_LOCAL)
        return OK;
    if (input->bytes[13] == FAMILY_TCP4 && len >= IPV4_LEN)
        source.size = IPV4_SIZE;
    else if (input->bytes[13] == FAMILY_TCP6 && len >= IPV6_LEN)
        source.size = IPV6_SIZE;
    else
        return ERR_PROXY_HEADER;
    memcpy(source.bytes, body, source.size);
    memcpy(&port, body + 2 * source.size, sizeof(port));
    endpoint_set_ip(peer, &source, port);
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

        bool known = bytes[12] == COMMAND_LOCAL || bytes[12] == COMMAND_PROXY;

        if (known && body <= V2_BODY_MAX)
            return FIXED_LEN + body - len;
        if (known)
            *error = ERR_PROXY_LONG;
    } else if (memcmp(bytes, "PROXY ", 6) == 0 && memchr(bytes, '\n', least) == NULL) {
        if (bytes[len - 1] == '\n')
            return 0;
        if (len < V1_MAX)
            return 1; /* since what comes after the line is not ours */
    }
    if (*error == OK)
        *error = ERR_PROXY_HEADER;
    return 0;
}

enum kith_error proxy_parse(const struct proxy_input *input, size_t *wanted, struct endpoint *peer)
{
    enum kith_error error = OK;

    *wanted = lacking(input, &error);
    if (error == OK && *wanted == 0 && !is_unknown(input))
        error = is_v2(input) ? parse_v2(input, peer) : parse_line(input, peer);
    endpoint_unmap(peer);
    return error;
}
