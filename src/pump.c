/*
 * Owns the loop of one channel: what to wait for, and when it is over. Must never spin, never
 * block but in poll, and never call a channel whole that is not.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "pump.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "net_socket.h"
#include "receiver.h"
#include "sender.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

#define CLOSE_MS 5000        /* how long to wait for the peer's close, once all is confirmed */
#define SILENCE_LOOK_MS 5000 /* between two looks at a peer that takes nothing */
#define LEAVING_MS 100       /* between the ends of stdout and stdin when who uses us closes both */
#define QUIET_MS 1000        /* without anything moving, after which memory is given back */
#define DELIVERY_MS 2000     /* how long an outlet may take nothing, once the channel is broken */

enum { NET, IN, OUT, GATE, POLLED };

struct run {
    struct pump *pump;
    struct sender sender;
    struct receiver receiver;
    struct pollfd fds[POLLED];
    bool gate_open; /* our receipt may be given */
    bool resting;   /* memory was given back, and nothing has moved since */
    uint64_t moved; /* bytes by all of our reads and writes, when last looked at */
    int64_t idle_deadline_ms;
    int64_t silence_look_ms;  /* when to look at the peer next, while it takes nothing */
    int64_t outlet_broken_ms; /* when to give up on an outlet that nobody reads, or NEVER_MS */
};

/*
 * Poll for what can be used, and nothing else: a descriptor that is ready for something nobody
 * takes would make poll return at once for ever.
 */
static void arm(struct run *run)
{
    const struct sender *sender = &run->sender;
    const struct receiver *receiver = &run->receiver;
    const struct outlet *outlet = &receiver->outlet;
    bool blocked = receiver_wants_outlet(receiver);
    /* An outlet that breaks is noticed even when there is nothing to write. For a socket, its
     * input side tells while that is read; and nobody need read our stdout once stdin has ended,
     * unless there is something. */
    bool watched = !outlet->may_break && run->outlet_broken_ms == NEVER_MS &&
                   (outlet->kind == OUTLET_SOCKET) == (sender->in < 0);

    run->fds[NET] = (struct pollfd){
        .fd = run->pump->net,
        .events = (short)((receiver_wants_net(receiver) ? POLLIN : POLLRDHUP) |
                          (sender_wants_net(sender) ? POLLOUT : 0)),
    };
    run->fds[IN] = (struct pollfd){
        .fd = sender_wants_input(sender) ? sender->in : -1,
        .events = POLLIN,
    };
    run->fds[OUT] = (struct pollfd){
        .fd = blocked || watched ? outlet->fd : -1,
        .events = blocked ? POLLOUT : 0,
    };
    /* What a program says before it fails is still sent. */
    run->fds[GATE] = (struct pollfd){
        .fd =
            run->gate_open || sender->in >= 0 || sender_wants_net(sender) ? -1 : run->pump->gate_fd,
        .events = POLLIN,
    };
}

static uint64_t bytes_moved(const struct run *run)
{
    return run->sender.total + run->sender.net_total + run->receiver.total +
           run->receiver.net_total;
}

/* Look at the clock for those who asked; *timeout is for poll. */
static enum kith_error keep_time(struct run *run, int *timeout)
{
    struct pump *pump = run->pump;
    int64_t until_ms = NEVER_MS;

    *timeout = -1;
    if (pump->idle_timeout_ms != NEVER_MS) {
        uint64_t moved = bytes_moved(run);

        if (moved != run->moved)
            run->idle_deadline_ms = clock_deadline_ms(pump->idle_timeout_ms);
        else if (clock_now_ms() >= run->idle_deadline_ms)
            return ERR_IDLE_TIMEOUT;
        run->moved = moved;
        until_ms = run->idle_deadline_ms;
    }
    if (pump->progress != NULL) {
        int64_t due_ms =
            pump->progress(pump->progress_context, run->sender.total, run->receiver.total);

        if (due_ms < until_ms)
            until_ms = due_ms;
    }
    if (run->outlet_broken_ms < until_ms)
        until_ms = run->outlet_broken_ms;
    if (!sender_wants_net(&run->sender))
        run->silence_look_ms = clock_deadline_ms(SILENCE_LOOK_MS);
    else if (run->silence_look_ms < until_ms)
        until_ms = run->silence_look_ms;
    if (until_ms != NEVER_MS)
        *timeout = clock_poll_timeout(until_ms);
    if (!run->resting && (*timeout < 0 || *timeout > QUIET_MS))
        *timeout = QUIET_MS;
    return OK;
}

/* Wait for something to do; when nothing comes for a while, give back what memory we can. */
static enum kith_error await(struct run *run, int timeout)
{
    int ready;

    arm(run);
    ready = poll(run->fds, POLLED, timeout);
    if (ready < 0)
        return errno == EINTR ? OK : ERR_SYSTEM;
    if (ready == 0 && !run->resting) {
        sender_rest(&run->sender);
        receiver_rest(&run->receiver);
        if (run->pump->quiet != NULL)
            run->pump->quiet();
    }
    run->resting = ready == 0;
    return OK;
}

/* Open and write all that is here. */
static enum kith_error take_arrived(struct run *run)
{
    struct receiver *receiver = &run->receiver;
    enum kith_error opened, written;

    do {
        opened = receiver_open(receiver);
        bool some = receiver_wants_outlet(receiver);

        written = receiver_write(receiver);
        if (!some)
            break;
    } while (opened == OK && written == OK && !receiver_wants_outlet(receiver));
    return written != OK ? written : opened;
}

/*
 * Nobody reads at the outlet. A socket is done with that; a program that uses us, ssh say, may be
 * closing both its ends, of which we see one first.
 */
static enum kith_error outlet_broke(struct run *run)
{
    errno = EPIPE;
    if (run->receiver.outlet.kind == OUTLET_SOCKET)
        return ERR_STDOUT_CLOSED;
    run->outlet_broken_ms = clock_deadline_ms(LEAVING_MS);
    return OK;
}

/* What only the clock tells, in front of every wait. */
static enum kith_error check_patience(struct run *run)
{
    int64_t now_ms = clock_now_ms();

    if (now_ms >= run->outlet_broken_ms && run->sender.in >= 0) {
        errno = EPIPE;
        return ERR_STDOUT_CLOSED;
    }
    if (run->sender.in < 0)
        run->outlet_broken_ms = NEVER_MS;
    if (sender_wants_net(&run->sender) && now_ms >= run->silence_look_ms) {
        run->silence_look_ms = clock_deadline_ms(SILENCE_LOOK_MS);
        if (net_peer_is_silent(run->pump->net)) {
            run->receiver.closed = true;
            run->receiver.closed_errno = ETIMEDOUT;
            return receiver_cut(&run->receiver);
        }
    }
    return OK;
}

/* One round of reading and writing, after poll. */
static enum kith_error move(struct run *run)
{
    struct receiver *receiver = &run->receiver;
    bool outlet_idle = !receiver_wants_outlet(receiver);
    enum kith_error error = OK;

    /* Once nobody can write to a pipe any more, it gives at once what it has, and its end. */
    if ((run->fds[IN].revents & POLLHUP) != 0)
        run->sender.in_never_waits = true;
    if (run->fds[IN].revents != 0)
        error = sender_read(&run->sender);
    if (error == OK && run->fds[NET].revents != 0) {
        if (receiver_wants_net(receiver))
            receiver_read(receiver);
        else if ((run->fds[NET].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
            receiver->closed = true; /* before it has our receipt, so it is cut in any case */
    }
    if (error == OK)
        error = take_arrived(run);
    if (error == OK && outlet_idle && run->fds[OUT].revents != 0 && receiver->outlet.fd >= 0)
        error = outlet_broke(run);
    if (error == OK && run->fds[GATE].revents != 0) {
        error = run->pump->gate(run->pump->gate_context);
        run->gate_open = error == OK;
    }
    if (run->pump->in_ends_with_peer && receiver_delivered(receiver))
        run->sender.in = -1;
    return error;
}

/* Until the channel is whole and all of it sent, or the first error. */
static enum kith_error flow(struct run *run)
{
    struct sender *sender = &run->sender;
    struct receiver *receiver = &run->receiver;
    enum kith_error error;
    int timeout;

    for (;;) {
        error = sender_mark(sender, run->gate_open && receiver_delivered(receiver));
        if (error != OK)
            return error;
        sender_flush(sender);
        if (channel_whole(&run->pump->channel) && sender->sealed.start == sender->sealed.end)
            return OK;
        if (receiver->closed || sender->broken)
            return receiver_cut(receiver);
        error = check_patience(run);
        if (error == OK)
            error = keep_time(run, &timeout);
        if (error == OK)
            error = await(run, timeout);
        if (error == OK)
            error = move(run);
        if (error != OK)
            return error;
    }
}

static bool outlet_failed(enum kith_error error)
{
    return error == ERR_STDOUT || error == ERR_STDOUT_CLOSED;
}

/*
 * The channel is broken. What has arrived is still opened and written, unless the outlet takes
 * nothing for a while: then the rest is given up, since the user has to be told.
 */
static void deliver_rest(struct run *run)
{
    struct receiver *receiver = &run->receiver;

    receiver->closed = false; /* what the kernel holds is still to be had */
    for (;;) {
        uint64_t before = receiver->net_total;
        enum kith_error error = take_arrived(run);

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

/*
 * All is confirmed. Our side is shut down and the peer's close awaited, so that our receipt is
 * not lost to a reset. Whatever happens to the connection now changes nothing, but a peer that
 * goes on talking is not one that speaks the protocol.
 */
static enum kith_error await_close(struct run *run)
{
    struct receiver *receiver = &run->receiver;
    int64_t deadline_ms = clock_deadline_ms(CLOSE_MS);
    enum kith_error error = OK;

    (void)shutdown(run->pump->net, SHUT_WR);
    while (error == OK && !receiver->closed && clock_now_ms() < deadline_ms) {
        struct pollfd wait = {.fd = run->pump->net, .events = POLLIN};

        if (poll(&wait, 1, clock_poll_timeout(deadline_ms)) > 0) {
            receiver_read(receiver);
            error = receiver_open(receiver);
        }
    }
    return error;
}

static bool is_cut(enum kith_error error)
{
    return error == ERR_CUT_DATA || error == ERR_CUT_RECEIPT || error == ERR_CUT_OUR_RECEIPT;
}

enum kith_error pump_run(struct pump *pump)
{
    struct run run = {
        .pump = pump,
        .gate_open = pump->gate == NULL,
        .outlet_broken_ms = NEVER_MS,
        .idle_deadline_ms = clock_deadline_ms(pump->idle_timeout_ms),
    };
    enum kith_error error;

    error = sender_start(&run.sender, &pump->channel, pump->in, pump->net);
    run.sender.in_never_waits = pump->in_never_waits;
    if (error == OK)
        error = receiver_start(&run.receiver, &pump->channel, pump->net, pump->outlet);
    if (error == OK) {
        error = flow(&run);
        pump->system_errno = errno;
        if (error == OK)
            error = await_close(&run);
        else if (error == ERR_PROGRAM)
            (void)await_close(&run); /* the peer reads what was said, and misses our receipt */
        else if (!outlet_failed(error))
            deliver_rest(&run);
        pump->undelivered = receiver_wants_outlet(&run.receiver);
        if (is_cut(error)) {
            error = receiver_cut(&run.receiver);
            pump->system_errno = run.receiver.closed_errno;
        }
    }
    pump->sent = run.sender.total;
    pump->received = run.receiver.total;
    pump->outlet = run.receiver.outlet;
    sender_free(&run.sender);
    receiver_free(&run.receiver);
    return error;
}
