/*
 * Owns the loop of one channel: what to wait for, and when it is over. Must never spin, never
 * block but in poll, and never call a channel whole that is not.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "stream/pump.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#include "net/net_socket.h"
#include "stream/parting.h"
#include "stream/receiver.h"
#include "stream/sender.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

#define SILENCE_LOOK_MS 5000 /* between two looks at a peer that takes nothing */
#define LEAVING_MS 100       /* between the ends of stdout and stdin when who uses us closes both */
#define TAKING_PAUSE_MAX_MS 100
#define QUIET_MS 1000 /* without anything moving, after which memory is given back */

enum { NET, IN, OUT, GATE, POLLED };

struct run {
    struct pump *pump;
    struct sender sender;
    struct receiver receiver;
    struct pollfd fds[POLLED];
    bool input_awaited; /* the peer has ended, and what that means for our input is decided */
    bool gate_open;     /* our receipt may be given */
    bool resting;       /* memory was given back, and nothing has moved since */
    uint64_t moved;     /* bytes by all of our reads and writes, when last looked at */
    int64_t idle_deadline_ms;
    int64_t taking_look_ms;   /* when to look next at what the outlet has taken, at the end ... */
    int64_t taking_pause_ms;  /* ... and how long after the look before */
    int64_t silence_look_ms;  /* when to look at the peer next, while it takes nothing */
    int64_t outlet_broken_ms; /* when to give up on an outlet that nobody reads, or NEVER_MS */
    bool peer_says_no_more;   /* seen while what came before waits for the outlet */
    bool outlet_closed;       /* the socket's other side has gone, and has read all until then */
    bool input_tells;         /* it is the outlet's socket, and so tells when that one breaks */
    enum kith_error failed; /* the local socket, with failed_errno; its last words are under way */
    int failed_errno;
};

static short net_events(const struct run *run)
{
    int events = sender_wants_net(&run->sender) ? POLLOUT : 0;

    if (receiver_wants_net(&run->receiver))
        events |= POLLIN;
    else if (!run->receiver.closed && !run->peer_says_no_more)
        events |= POLLRDHUP;
    return (short)events;
}

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
    /* An outlet that breaks is noticed even when there is nothing to write. A socket that is
     * both tells it as the input, while that is read; and nobody need read another kind of stdout
     * once stdin has ended, unless there is something. */
    bool of_use =
        outlet->kind == OUTLET_SOCKET ? sender->in < 0 || !run->input_tells : sender->in >= 0;
    bool watched = !outlet->may_break && run->outlet_broken_ms == NEVER_MS && !run->outlet_closed &&
                   outlet->kind != OUTLET_GONE && of_use;

    run->fds[NET] = (struct pollfd){.fd = run->pump->net, .events = net_events(run)};
    run->fds[IN] = (struct pollfd){
        .fd = sender_wants_input(sender) ? sender_input_fd(sender) : -1,
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

/* When to look next at what an outlet has taken that may still lose it: soon, and then less often.
 */
static int64_t next_taking_look_ms(struct run *run)
{
    run->taking_pause_ms = run->taking_pause_ms == 0 ? 1 : 2 * run->taking_pause_ms;
    if (run->taking_pause_ms > TAKING_PAUSE_MAX_MS)
        run->taking_pause_ms = TAKING_PAUSE_MAX_MS;
    run->taking_look_ms = clock_deadline_ms(run->taking_pause_ms);
    return run->taking_look_ms;
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
    if (sender_wants_input(&run->sender) && hold_due_ms(&run->sender.hold) < until_ms)
        until_ms = hold_due_ms(&run->sender.hold);
    if (receiver_awaits_taking(&run->receiver) && next_taking_look_ms(run) < until_ms)
        until_ms = run->taking_look_ms;
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
    bool brief = receiver_awaits_taking(&run->receiver) && timeout < TAKING_PAUSE_MAX_MS;
    int ready;

    arm(run);
    ready = poll(run->fds, POLLED, timeout);
    if (run->fds[IN].fd >= 0 && run->fds[IN].revents == 0)
        hold_relent(&run->sender.hold);
    if (ready < 0)
        return errno == EINTR ? OK : ERR_SYSTEM;
    if (ready == 0 && brief)
        return OK;
    if (ready == 0 && !run->resting) {
        sender_rest(&run->sender);
        receiver_rest(&run->receiver);
        if (run->pump->quiet != NULL)
            run->pump->quiet();
    }
    run->resting = ready == 0;
    return OK;
}

/*
 * Nobody reads at the outlet. A socket whose other side has closed may have no need to, and only a
 * failure is one; a program that uses us, ssh say, may be closing both its ends, of which we see
 * one first.
 */
static enum kith_error outlet_broke(struct run *run, short how)
{
    if (run->receiver.outlet.kind != OUTLET_SOCKET) {
        run->outlet_broken_ms = clock_deadline_ms(LEAVING_MS);
        return OK;
    }
    errno = EPIPE;
    run->outlet_closed = (how & (POLLERR | POLLNVAL)) == 0;
    return run->outlet_closed ? OK : ERR_STDOUT_CLOSED;
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

/*
 * Something has come from the connection, or become of it. A peer that has ended its side may have
 * said its receipt before, which is then still to be read, or was; but not if our end has not gone.
 */
static void hear_net(struct run *run, short how)
{
    struct receiver *receiver = &run->receiver;

    if (receiver_wants_net(receiver)) {
        receiver_read(receiver);
    } else if ((how & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        run->sender.broken = true;
    } else if ((how & POLLRDHUP) != 0) {
        run->peer_says_no_more = true;
        receiver->closed = !sender_has_ended(&run->sender);
    }
}

/*
 * The input is ready. A pipe that nobody can write to gives at once what it has, and its end; but a
 * FIFO may have a new writer by then, and a read wait for that one.
 */
static enum kith_error read_input(struct run *run, short ready)
{
    struct sender *sender = &run->sender;

    if (ready == POLLHUP && !sender->in_is_socket) {
        sender->in = -1; /* it is empty, too: that is its end, of a terminal as of a pipe */
        return OK;
    }
    if ((ready & POLLHUP) != 0 && run->pump->in_never_blocks)
        sender->in_never_waits = true;
    return sender_read(sender);
}

/* The peer has come to its end. */
static void consider_input(struct run *run)
{
    struct pump *pump = run->pump;

    if (pump->patience == PUMP_ENDS_WITH_PEER ||
        (pump->patience == PUMP_WAITS_IF_PEER_SILENT && run->receiver.total > 0))
        run->sender.in = -1;
    else if (run->sender.in >= 0 && pump->input_awaited != NULL && !run->input_awaited)
        pump->input_awaited();
    run->input_awaited = true;
}

/* One round of reading and writing, after poll. */
static enum kith_error move(struct run *run)
{
    struct receiver *receiver = &run->receiver;
    bool outlet_idle = !receiver_wants_outlet(receiver);
    enum kith_error error = OK;

    if (run->fds[IN].revents != 0)
        error = read_input(run, run->fds[IN].revents);
    if (error == OK && run->fds[NET].revents != 0)
        hear_net(run, run->fds[NET].revents);
    if (error == OK)
        error = receiver_take(receiver);
    if (error == OK && outlet_idle && run->fds[OUT].revents != 0 && receiver->outlet.fd >= 0)
        error = outlet_broke(run, run->fds[OUT].revents);
    if (error == OK && run->fds[GATE].revents != 0) {
        error = run->pump->gate(run->pump->gate_context);
        run->gate_open = error == OK;
    }
    if (receiver_delivered(receiver))
        consider_input(run);
    return error;
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/*
 * Whether a failure is that of a local socket whose other side has gone. What that has said before
 * is here, or on the way to the peer.
 */
static bool is_departure(const struct run *run, enum kith_error error)
{
    const struct outlet *outlet = &run->receiver.outlet;
    int in = run->sender.in;

    if (outlet->kind != OUTLET_SOCKET)
        return false;
    if (error == ERR_STDIN)
        return true;
    return (error == ERR_STDOUT || error == ERR_STDOUT_CLOSED) &&
           (in < 0 || is_same_file(in, outlet->fd)) && net_has_gone(outlet->fd);
}

/*
 * Something has failed. The last words of a local socket are still sent, but not as whole; what
 * arrives for it is dropped.
 */
static enum kith_error hear_out(struct run *run, enum kith_error error)
{
    if (error == ERR_STDIN && run->failed != OK) {
        run->sender.in = -1;
        return OK;
    }
    if (!is_departure(run, error))
        return error;
    run->failed = error;
    run->failed_errno = errno;
    run->receiver.outlet.kind = OUTLET_GONE;
    if (error == ERR_STDIN)
        run->sender.in = -1;
    return OK;
}

/* Whether nothing is left to wait for; *error is then how the channel has ended. */
static bool is_over(const struct run *run, enum kith_error *error)
{
    const struct sender *sender = &run->sender;
    const struct receiver *receiver = &run->receiver;

    *error = OK;
    if (channel_whole(&run->pump->channel) && sender->sealed.start == sender->sealed.end)
        return true;
    if (receiver_is_cut(receiver) || sender->broken)
        *error = receiver_cut(receiver);
    if (run->failed != OK && (*error != OK || (sender->in < 0 && !sender_wants_net(sender)))) {
        *error = run->failed;
        errno = run->failed_errno;
    }
    return *error != OK;
}

/* Say our end and our receipt when they are due, and send what waits. */
static enum kith_error speak(struct run *run)
{
    enum kith_error error = OK;

    if (run->failed == OK)
        error = sender_mark(&run->sender, run->gate_open && receiver_delivered(&run->receiver));
    if (error == OK)
        sender_flush(&run->sender);
    return error;
}

/* Until the channel is whole and all of it sent, or the first error. */
static enum kith_error flow(struct run *run)
{
    enum kith_error error;
    int timeout;

    for (;;) {
        error = speak(run);
        if (error != OK || is_over(run, &error))
            return error;
        error = check_patience(run);
        if (error == OK)
            error = keep_time(run, &timeout);
        if (error == OK)
            error = await(run, timeout);
        if (error == OK)
            error = move(run);
        if (error != OK)
            error = hear_out(run, error);
        if (error != OK)
            return error;
    }
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
        .input_tells = is_same_file(pump->in, pump->outlet.fd),
        .idle_deadline_ms = clock_deadline_ms(pump->idle_timeout_ms),
    };
    enum kith_error error;

    error = sender_start(&run.sender, &pump->channel, pump->in, pump->net);
    run.sender.in_never_waits = pump->in_never_waits;
    if (pump->in >= 0 && pump->in == pump->outlet.fd)
        sender_hold(&run.sender);
    if (error == OK)
        error = receiver_start(&run.receiver, &pump->channel, pump->net, pump->outlet);
    if (error == OK) {
        error = flow(&run);
        pump->system_errno = errno;
        if (error == OK)
            hold_let_go(&run.sender.hold);
        if (error == OK)
            error = parting_await_close(&run.receiver);
        else if (error == ERR_PROGRAM || run.failed != OK)
            (void)parting_await_close(&run.receiver); /* the peer misses our receipt only */
        else if (error != ERR_STDOUT && error != ERR_STDOUT_CLOSED)
            parting_deliver(&run.receiver);
        pump->undelivered = receiver_wants_outlet(&run.receiver);
        if (is_cut(error)) {
            error = receiver_cut(&run.receiver);
            pump->system_errno = run.receiver.closed_errno;
            if (error == ERR_CUT_DATA && run.receiver.total == 0 && !pump->undelivered)
                error = ERR_CUT_NOTHING;
        }
    }
    pump->sent = run.sender.total;
    pump->received = run.receiver.total;
    pump->outlet = run.receiver.outlet;
    sender_free(&run.sender);
    receiver_free(&run.receiver);
    return error;
}
