/*
 * Owns what whole and broken mean at our side of a stream. Must never let who is there take a part
 * for the whole.
 */
#include "stream/local_end.h"

#include <errno.h>

#include "base/descriptor.h"
#include "net/socket.h"

struct local_end local_end_standard(struct inlet inlet, struct outlet outlet,
                                    enum local_end_patience patience)
{
    return (struct local_end){
        .kind = LOCAL_STANDARD,
        .inlet = inlet,
        .outlet = outlet,
        .is_one = descriptor_is_same_file(inlet.fd, outlet.fd),
        .patience = patience,
        .socket = -1,
        .status = -1,
    };
}

struct local_end local_end_socket(int fd)
{
    return (struct local_end){
        .kind = LOCAL_SOCKET,
        .inlet = inlet_socket(fd),
        .outlet = outlet_socket(fd),
        .is_one = true,
        .socket = fd,
        .status = -1,
    };
}

struct local_end local_end_program(int from, int to, int line, local_end_judge *judge,
                                   void *program)
{
    return (struct local_end){
        .kind = LOCAL_PROGRAM,
        .inlet = from >= 0 ? inlet_program(from) : inlet_none(),
        .outlet = to >= 0 ? outlet_program(to, line) : outlet_none(),
        .talks = from >= 0,
        .socket = -1,
        .status = line,
        .judge = judge,
        .program = program,
    };
}

struct local_end local_end_file(struct inlet inlet, int file, enum local_end_patience patience,
                                int line, local_end_judge *judge, void *filer)
{
    return (struct local_end){
        .kind = LOCAL_FILE,
        .inlet = inlet,
        .outlet = outlet_file(file),
        .patience = patience,
        .socket = -1,
        .status = line,
        .judge = judge,
        .program = filer,
    };
}

enum kith_error local_end_settle(struct local_end *end)
{
    ssize_t n;

    if (end->kind != LOCAL_FILE || end->settled || end->status < 0)
        return OK;
    do {
        n = send(end->status, "", 1, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    end->settled = true;
    if (n == 1)
        return OK;
    return errno == EPIPE || errno == ECONNRESET ? local_end_verdict(end) : ERR_OUTLET;
}

bool local_end_may_fail(const struct local_end *end)
{
    return end->talks && end->status >= 0;
}

bool local_end_awaits_verdict(const struct local_end *end)
{
    return end->status >= 0;
}

enum kith_error local_end_verdict(struct local_end *end)
{
    enum kith_error error = end->judge(end->program);

    if (error == OK)
        end->status = -1;
    return error;
}

/*
 * A socket that is both tells it as the input, while that is read; and nobody need read another
 * kind of stdout once stdin has ended, unless there is something.
 */
bool local_end_may_break(const struct local_end *end)
{
    bool reads = end->inlet.fd >= 0;

    if (end->outlet.kind == OUTLET_SOCKET)
        return !reads || !end->is_one;
    return reads && end->outlet.kind != OUTLET_GONE && !end->outlet.may_break;
}

bool local_end_has_gone(const struct local_end *end, enum kith_error error)
{
    const struct outlet *outlet = &end->outlet;

    if (outlet->kind != OUTLET_SOCKET)
        return false;
    if (error == ERR_INLET)
        return true;
    return (error == ERR_OUTLET || error == ERR_OUTLET_CLOSED) &&
           (end->inlet.fd < 0 || end->is_one) && socket_has_gone(outlet->fd);
}

void local_end_finish(struct local_end *end, bool whole)
{
    if (end->kind == LOCAL_SOCKET && whole) {
        hold_let_go(&end->inlet.hold);
        socket_reset_on_close(end->socket, false);
    }
    hold_end(&end->inlet.hold);
}
