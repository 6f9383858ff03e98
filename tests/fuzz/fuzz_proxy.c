/*
 * PROXY headers of any bytes, as a socket brings them: the reader takes what its header has and
 * nothing behind it, names a caller of a family that is known or leaves him alone, and says who
 * it is.
 *
 * Targets: calls/proxy_protocol.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "calls/proxy_protocol.h"
#include "fuzz.h"
#include "net/socket.h"

#define INPUT_MAX 4096 /* a socket pair takes this much without blocking */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoint peer = {.text = "before"}, before = peer;
    uint8_t rest[INPUT_MAX];
    enum kith_error error;
    ssize_t left;
    struct proxy_input input = {.len = 0};
    int ends[2];

    if (size > INPUT_MAX)
        return 0;
    demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    demand(descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
    demand(send(ends[1], data, size, 0) == (ssize_t)size);
    demand(shutdown(ends[1], SHUT_WR) == 0);
    demand(proxy_receive(&input, ends[0], &peer, &error));
    left = recv(ends[0], rest, sizeof(rest), 0);
    demand(left >= 0 && memcmp(rest, data + size - left, (size_t)left) == 0);
    if (error == OK) {
        demand((size_t)left == size - length_of(data, size));
        check_accepted(&peer, &before, data);
    } else {
        demand(error == ERR_PROXY_HEADER || error == ERR_PROXY_LONG || error == ERR_HANDSHAKE_CUT);
        demand(memcmp(&peer, &before, sizeof(peer)) == 0);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
