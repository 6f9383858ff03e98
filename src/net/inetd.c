/*
 * Owns the standard descriptors while they are the network. Must never leave one of them where
 * anything else could read from it or write to it.
 */
#include "net/inetd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "net/socket.h"
#include "system/protect.h"

/* A socket of the network, or what can be the channel; not a terminal, which has to be told so. */
static bool is_outside(int fd)
{
    return (descriptor_is_socket(fd) && !socket_is_unix(fd)) ||
           (socket_can_carry(STDIN_FILENO) && socket_can_carry(STDOUT_FILENO));
}

bool inetd_spare(void)
{
    if (!is_outside(STDERR_FILENO))
        return true;
    if (descriptor_is_same_file(STDERR_FILENO, STDIN_FILENO) ||
        descriptor_is_same_file(STDERR_FILENO, STDOUT_FILENO))
        return protect_mute();
    return true;
}

/* The same in a mode of our own, if the system can; it is ours alone in any case. */
static int take(int standard, int direction)
{
    int fd = descriptor_open_anew(standard, direction);

    if (fd < 0)
        fd = descriptor_move_up(standard);
    if (fd >= 0 && descriptor_set_nonblocking(fd))
        return fd;
    descriptor_close(&fd);
    return -1;
}

/* Who is there, as far as a socket tells. */
static void learn_from(struct endpoint *from, int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);

    *from = (struct endpoint){.len = 0};
    if (getpeername(fd, (struct sockaddr *)&address, &len) != 0) {
        (void)snprintf(from->text, sizeof(from->text), "standard input");
        return;
    }
    endpoint_set(from, &address, len);
    endpoint_unmap(from);
    from->user = address.ss_family == AF_UNIX ? socket_user(fd) : 0;
}

enum kith_error inetd_take(struct transport *transport, struct endpoint *from,
                           struct problem *problem)
{
    bool is_one =
        descriptor_is_socket(STDIN_FILENO) && descriptor_is_same_file(STDIN_FILENO, STDOUT_FILENO);

    *transport = TRANSPORT_NONE;
    if (!socket_can_carry(STDIN_FILENO) || !socket_can_carry(STDOUT_FILENO)) {
        (void)problem_say(problem, "standard input and output are to be a connected socket, or two "
                                   "pipes: something starts us so for each call");
        return ERR_USAGE;
    }
    transport->in = take(STDIN_FILENO, O_RDONLY);
    transport->out = is_one ? transport->in : take(STDOUT_FILENO, O_WRONLY);
    if (transport->in < 0 || transport->out < 0) {
        (void)problem_say(problem, "%s", strerror(errno));
        transport_close(transport);
        return ERR_SYSTEM;
    }
    learn_from(from, transport->in);
    socket_tune(transport->in);
    socket_tune(transport->out);
    protect_vacate(STDIN_FILENO);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    return OK;
}
