/*
 * PROXY headers of any bytes, as they come: the reader wants what its header has and nothing behind
 * it, names a caller of a family that is known or leaves him alone, and says who
 * it is.
 *
 * Targets: calls/proxy_protocol.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "calls/proxy_protocol.h"
#include "fuzz.h"

/* How many bytes a header that was accepted has, by its own account. */
static size_t length_of(const uint8_t *data, size_t size)
{
    const uint8_t *newline = memchr(data, '\n', size);

    if (data[0] == '\r')
        return 16 + ((size_t)data[14] << 8 | data[15]);
    demand(newline != NULL);
    return (size_t)(newline - data) + 1;
}

/*
 * What a header of version 2 makes of the caller, by an account of our own. An IPv4 address in the
 * form of IPv6 (RFC 4291, section 2.5.5.2) is one of IPv4.
 */
static void check_v2(const struct endpoint *peer, const uint8_t *data, size_t body)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char host[INET6_ADDRSTRLEN], text[ADDRESS_TEXT_SIZE];
    size_t size = data[13] == 0x11 ? 4 : 16;
    const uint8_t *ip = data + 16, *port = ip + 2 * size;
    bool is_mapped = size == 16 && memcmp(ip, mapped, sizeof(mapped)) == 0;
    bool is_ipv4 = size == 4 || is_mapped;

    demand(data[12] == 0x21 && (size == 4 || data[13] == 0x21) && body >= 2 * size + 4);
    demand(inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_mapped ? ip + sizeof(mapped) : ip, host,
                     sizeof(host)) != NULL);
    (void)snprintf(text, sizeof(text), is_ipv4 ? "%s:%u" : "[%s]:%u", host,
                   (unsigned)port[0] << 8 | port[1]);
    demand(strcmp(peer->text, text) == 0);
}

static void check_accepted(const struct endpoint *peer, const struct endpoint *before,
                           const uint8_t *data)
{
    char text[ADDRESS_TEXT_SIZE];

    if (memcmp(peer, before, sizeof(*peer)) == 0)
        return;
    demand((peer->address.ss_family == AF_INET && peer->len == sizeof(struct sockaddr_in)) ||
           (peer->address.ss_family == AF_INET6 && peer->len == sizeof(struct sockaddr_in6)));
    endpoint_format(text, (const struct sockaddr *)&peer->address, peer->len);
    demand(strcmp(peer->text, text) == 0);
    if (data[0] == '\r')
        check_v2(peer, data, (size_t)data[14] << 8 | data[15]);
}

/* Give it the bytes that it wants, as long as there are some. False if there are not enough. */
static bool feed(const uint8_t *data, size_t size, struct proxy_input *input, struct endpoint *peer,
                 enum kith_error *error)
{
    size_t wanted;

    while ((*error = proxy_parse(input, &wanted, peer)) == OK && wanted > 0) {
        demand(wanted <= sizeof(input->bytes) - input->len);
        if (wanted > size - input->len)
            return false;
        memcpy(input->bytes + input->len, data + input->len, wanted);
        input->len += wanted;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoint peer = {.text = "before"}, before = peer;
    struct proxy_input input = {.len = 0};
    enum kith_error error;

    if (feed(data, size, &input, &peer, &error) && error == OK) {
        demand(input.len == length_of(data, size));
        check_accepted(&peer, &before, data);
    } else {
        demand(error == OK || error == ERR_PROXY_HEADER || error == ERR_PROXY_LONG);
        demand(memcmp(&peer, &before, sizeof(peer)) == 0);
    }
    return 0;
}
