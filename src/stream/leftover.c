/*
 * Owns the delivery of what a broken stream leaves. Must never wait for an outlet at which nothing
 * moves any more.
 */
#include "stream/leftover.h"

#include <poll.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "net/socket.h"
#include "stream/patience.h"

#define TAKEN_LOOK_MS 20 /* between two looks at what an outlet has taken */
#define DELIVERY_MS 2000 /* how long an outlet may take nothing, once the stream is broken */

static bool outlet_failed(enum kith_error error)
{
    return error == ERR_OUTLET || error == ERR_OUTLET_CLOSED;
}

static struct patience patience_at(const struct outlet *outlet)
{
    return patience_with(DELIVERY_MS, outlet_queued(outlet));
}

static bool is_ended(const _Atomic enum kith_error *ended)
{
    return ended != NULL && *ended != OK;
}

/*
 * Look again, a little later at most than the outlet can be written to; false once the patience is
 * used up, or somebody else has ended it.
 */
static bool wait_for_reader(struct patience *patience, const struct outlet *outlet, short events,
                            const _Atomic enum kith_error *ended)
{
    bool ready =
        descriptor_await(events != 0 ? outlet->fd : -1, events, clock_deadline_ms(TAKEN_LOOK_MS));

    return !is_ended(ended) && (ready || patience_lasts(patience, outlet_queued(outlet)));
}

/* Write what was opened: false if the outlet takes no more of it. */
static bool write_opened(struct receiver *receiver, const _Atomic enum kith_error *ended)
{
    while (receiver_wants_outlet(receiver)) {
        struct patience patience = patience_at(receiver->outlet);
        uint64_t before = receiver->total;

        while (receiver->total == before) {
            if (!wait_for_reader(&patience, receiver->outlet, POLLOUT, ended) ||
                outlet_failed(receiver_take(receiver)))
                return false;
        }
    }
    return true;
}

/* A connection that is reset loses what the other side's system has not taken yet. */
static void await_taking(const struct outlet *outlet, const _Atomic enum kith_error *ended)
{
    struct patience patience = patience_at(outlet);

    while (outlet->kind == OUTLET_SOCKET && outlet->fd >= 0 &&
           socket_unacknowledged(outlet->fd) > 0 && !socket_has_gone(outlet->fd) &&
           wait_for_reader(&patience, outlet, 0, ended))
        continue;
}

void leftover_deliver(struct receiver *receiver, const _Atomic enum kith_error *ended)
{
    enum kith_error error;
    uint64_t before;

    receiver->link->closed = false; /* to be found out anew, after what the kernel holds */
    do {
        before = receiver->carried;
        error = receiver_take(receiver);
        if (outlet_failed(error) || !write_opened(receiver, ended) || is_ended(ended))
            return;
        if (error == OK)
            receiver_read(receiver);
    } while (receiver->carried > before);
    await_taking(receiver->outlet, ended);
}
