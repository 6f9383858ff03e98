/*
 * PROXY headers of any bytes, as a socket brings them: the reader takes what its header has and
 * nothing behind it, names a caller of a family that is known or leaves him alone, and says who
 * it is.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "calls/proxy_protocol.h"
#include "net/socket.h"

#define INPUT_MAX 4096 /* a socket pair takes this much without blocking */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* How many bytes a header that was accepted has, by its own account. */
static size_t length_of(const uint8_t *data, size_t size)
{
    const uint8_t *newline = memchr(data, '\n', size);

    if (data[0] == '\r')
        return 16 + ((size_t)data[14] << 8 | data[15]);
    require(newline != NULL);
    return (size_t)(newline - data) + 1;
}

static void check_accepted(const struct endpoint *peer, const struct endpoint *before)
{
    char text[ADDRESS_TEXT_SIZE];

    if (memcmp(peer, before, sizeof(*peer)) == 0)
        return;
    require((peer->address.ss_family == AF_INET && peer->len == sizeof(struct sockaddr_in)) ||
            (peer->address.ss_family == AF_INET6 && peer->len == sizeof(struct sockaddr_in6)));
    endpoint_format(text, (const struct sockaddr *)&peer->address, peer->len);
    require(strcmp(peer->text, text) == 0);
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
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    require(descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
    require(send(ends[1], data, size, 0) == (ssize_t)size);
    require(shutdown(ends[1], SHUT_WR) == 0);
    require(proxy_receive(&input, ends[0], &peer, &error));
    left = recv(ends[0], rest, sizeof(rest), 0);
    require(left >= 0 && memcmp(rest, data + size - left, (size_t)left) == 0);
    if (error == OK) {
        require((size_t)left == size - length_of(data, size));
        check_accepted(&peer, &before);
    } else {
        require(error == ERR_PROXY_HEADER || error == ERR_HANDSHAKE_CUT);
        require(memcmp(&peer, &before, sizeof(peer)) == 0);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
