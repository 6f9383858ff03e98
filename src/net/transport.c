/*
 * Owns what is done to the descriptors that lead to the other machine. Must never block.
 */
#include "net/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "system/protect.h"

struct transport transport_socket(int fd)
{
    return (struct transport){.in = fd, .out = fd, .line = -1};
}

ssize_t transport_read(const struct transport *transport, void *bytes, size_t len)
{
    return read(transport->in, bytes, len);
}

ssize_t transport_write(const struct transport *transport, const void *bytes, size_t len)
{
    return write(transport->out, bytes, len);
}

#ifdef MSG_MORE
ssize_t transport_write_ahead(const struct transport *transport, const void *bytes, size_t len)
{
    return transport_is_two(transport) ? write(transport->out, bytes, len)
                                       : send(transport->out, bytes, len, MSG_MORE);
}
#else
ssize_t transport_write_ahead(const struct transport *transport, const void *bytes, size_t len)
{
    return transport_write(transport, bytes, len);
}
#endif

bool transport_is_two(const struct transport *transport)
{
    return transport->in != transport->out;
}

/* A pipe has one way, and no other end than to be closed. */
static void end(int fd, int how)
{
    if (shutdown(fd, how) != 0 && errno == ENOTSOCK)
        protect_silence(fd);
}

void transport_end(const struct transport *transport)
{
    end(transport->in, SHUT_RDWR);
    if (transport_is_two(transport))
        end(transport->out, SHUT_RDWR);
}

void transport_end_hearing(const struct transport *transport)
{
    end(transport->in, SHUT_RD);
}

void transport_shut(const struct transport *transport)
{
    end(transport->out, SHUT_WR);
}

bool transport_is_silent(const struct transport *transport)
{
    return socket_peer_is_silent(transport->out);
}

int transport_queued(const struct transport *transport)
{
    return socket_queued(transport->out);
}

void transport_close(struct transport *transport)
{
    if (transport->in >= 0)
        (void)close(transport->in);
    if (transport->out >= 0 && transport->out != transport->in)
        (void)close(transport->out);
    if (transport->line >= 0)
        (void)close(transport->line);
    *transport = TRANSPORT_NONE;
}
