/*
 * Owns the end of a channel: that nothing which was under way is lost when its descriptors are
 * closed. Must never wait for a side on which nothing moves any more.
 */
#include "parting.h"

#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "net_socket.h"

#define CLOSE_MS 5000    /* how long to wait for a peer that neither takes anything nor closes */
#define DELIVERY_MS 2000 /* how long an outlet may take nothing, once the channel is broken */

static bool outlet_failed(enum kith_error error)
{
    return error == ERR_STDOUT || error == ERR_STDOUT_CLOSED;
}

void parting_deliver(struct receiver *receiver)
{
    receiver->closed = false; /* what the kernel holds is still to be had */
    for (;;) {
        uint64_t before = receiver->net_total;
        enum kith_error error = receiver_take(receiver);

        if (outlet_failed(error) || (error != OK && !receiver_wants_outlet(receiver)))
            return;
        if (receiver_wants_outlet(receiver)) {
            struct pollfd wait = {.fd = receiver->outlet.fd, .events = POLLOUT};

            if (poll(&wait, 1, DELIVERY_MS) == 0)
                return;
            continue;
        }
        receiver_read(receiver);
        if (receiver->net_total == before)
            return;
    }
}

enum kith_error parting_await_close(struct receiver *receiver)
{
    int64_t deadline_ms = clock_deadline_ms(CLOSE_MS);
    int queued = net_queued(receiver->net);
    enum kith_error error = OK;

    receiver->outlet.kind = OUTLET_GONE;
    (void)shutdown(receiver->net, SHUT_WR);
    while (error == OK && !receiver->closed && clock_now_ms() < deadline_ms) {
        struct pollfd wait = {.fd = receiver->net, .events = POLLIN};
        int left;

        if (poll(&wait, 1, clock_poll_timeout(deadline_ms)) > 0) {
            receiver_read(receiver);
            error = receiver_take(receiver);
        } else if ((left = net_queued(receiver->net)) < queued) {
            queued = left;
            deadline_ms = clock_deadline_ms(CLOSE_MS);
        }
    }
    return error;
}
