/*
 * Owns the loop of one stream: what to wait for, and when it is over. Must never spin, never block
 * but in poll, and never call a stream whole that is not.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "stream/pump.h"

#include <errno.h>
#include <poll.h>

#include "stream/cut.h"
#include "stream/exit_looks.h"
#include "stream/last_words.h"
#include "stream/leftover.h"
#include "stream/patience.h"
#include "stream/receiver.h"
#include "stream/sender.h"
#include "stream/silence.h"
#include "system/memory.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

#define LEAVING_MS 100 /* between the ends of stdout and stdin when who uses us closes both */
#define TAKING_PAUSE_MAX_MS 100
#define QUIET_MS 1000 /* without anything moving, after which memory is given back */

enum { FROM_PEER, TO_PEER, IN, OUT, VERDICT, POLLED };

struct run {
    struct link *link;
    struct local_end *end;
    const struct pump_terms *terms;
    struct sender sender;
    struct receiver receiver;
    struct pollfd fds[POLLED];
    bool input_awaited;       /* the peer has ended, and what that means for our input is decided */
    bool gave_back;           /* memory was given back, and nothing has moved since */
    uint64_t moved;           /* bytes by all of our reads and writes, when last looked at */
    struct patience idle;     /* with a stream on which nothing moves */
    int64_t taking_pause_ms;  /* before the next look at what the outlet has taken, at the end */
    struct silence silence;   /* of a peer that owes us something */
    int64_t outlet_broken_ms; /* when to give up on an outlet that nobody reads, or NEVER_MS */
    struct exit_looks exit_looks;
    bool peer_says_no_more; /* seen while what came before waits for the outlet */
    bool condemned;         /* who had to judge a program or file says that it failed */
    bool outlet_closed;     /* the socket's other side has gone, and has read all until then */
    struct last_words last_words; /* of the local socket */
};

static short peer_events(const struct run *run)
{
    if (receiver_wants_transport(&run->receiver))
        return POLLIN;
    return run->link->closed || run->peer_says_no_more ? 0 : POLLRDHUP;
}

/* One that only brings bytes is at its end for good once it says so: nothing else comes there. */
static int peer_fd(const struct run *run, short events)
{
    const struct transport *transport = &run->link->transport;

    return events == 0 && transport_is_two(transport) ? -1 : transport->in;
}

/*
 * Poll for what can be used, and nothing else: a descriptor that is ready for something nobody
 * takes would make poll return at once for ever.
 */
static void arm_poll(struct run *run)
{
    const struct sender *sender = &run->sender;
    const struct local_end *end = run->end;
    const struct outlet *outlet = &end->outlet;
    short events = peer_events(run);
    bool blocked = receiver_wants_outlet(&run->receiver);
    bool watched =
        run->outlet_broken_ms == NEVER_MS && !run->outlet_closed && local_end_may_break(end);
    /* What a program says before it fails is still sent. */
    bool all_sent = end->inlet.fd < 0 && !sender_wants_transport(sender);

    run->fds[FROM_PEER] = (struct pollfd){.fd = peer_fd(run, events), .events = events};
    run->fds[TO_PEER] = (struct pollfd){
        .fd = sender_wants_transport(sender) ? run->link->transport.out : -1,
        .events = POLLOUT,
    };
    run->fds[IN] = (struct pollfd){
        .fd = sender_wants_input(sender) ? inlet_poll_fd(&end->inlet) : -1,
        .events = POLLIN,
    };
    run->fds[OUT] = (struct pollfd){
        .fd = blocked || watched ? outlet->fd : -1,
        .events = blocked ? POLLOUT : 0,
    };
    run->fds[VERDICT] = (struct pollfd){
        .fd = all_sent && local_end_awaits_verdict(end) ? end->status : -1,
        .events = POLLIN,
    };
}

static uint64_t bytes_moved(const struct run *run)
{
    return run->sender.total + run->sender.carried + run->receiver.total + run->receiver.carried;
}

/* When to look next at what an outlet has taken that may still lose it: soon, and then less often.
 */
static int64_t next_taking_look_ms(struct run *run)
{
    run->taking_pause_ms = clock_longer_pause(run->taking_pause_ms, 1, TAKING_PAUSE_MAX_MS);
    return clock_deadline_ms(run->taking_pause_ms);
}

/* What the system has of us for the peer and for the outlet: that moves, too, as they take it. */
static int queued(const struct run *run)
{
    int there = transport_queued(&run->link->transport);
    int here = outlet_queued(run->receiver.outlet);

    return (there > 0 ? there : 0) + (here > 0 ? here : 0);
}

/* When nothing will have moved for too long. */
static int64_t idle_deadline_ms(struct run *run)
{
    uint64_t moved = bytes_moved(run);

    if (moved != run->moved)
        run->idle = patience_settling(run->terms->idle_timeout_ms);
    run->moved = moved;
    return run->idle.until_ms;
}

/* When may_end has to be asked again, which waits for nothing else. */
static int64_t exit_due_ms(const struct run *run)
{
    bool waits = exit_looks_are_over(&run->exit_looks) && sender_wants_transport(&run->sender);
    bool is_open = run->link->channel.sending.state == STREAM_OPEN;

    return is_open && !waits ? run->exit_looks.due_ms : NEVER_MS;
}

/* How long poll may wait, for those who asked to be looked at in time. */
static int timeout_for(struct run *run)
{
    const struct pump_terms *terms = run->terms;
    int64_t until_ms = clock_earlier(idle_deadline_ms(run), run->outlet_broken_ms);
    int timeout;

    if (terms->progress != NULL)
        until_ms = clock_earlier(until_ms, terms->progress(terms->progress_context,
                                                           run->sender.total, run->receiver.total));
    until_ms = clock_earlier(until_ms, sender_due_ms(&run->sender));
    if (sender_wants_input(&run->sender))
        until_ms = clock_earlier(until_ms, hold_due_ms(&run->end->inlet.hold));
    until_ms = clock_earlier(until_ms, run->last_words.patience.until_ms);
    until_ms = clock_earlier(until_ms, exit_due_ms(run));
    if (receiver_awaits_taking(&run->receiver))
        until_ms = clock_earlier(until_ms, next_taking_look_ms(run));
    until_ms = clock_earlier(until_ms, silence_due_ms(&run->silence, &run->sender));
    timeout = clock_poll_timeout(until_ms);
    return !run->gave_back && (timeout < 0 || timeout > QUIET_MS) ? QUIET_MS : timeout;
}

/* Wait for something to do; when nothing comes for a while, give back what memory we can. */
static enum kith_error await(struct run *run)
{
    int timeout = timeout_for(run);
    bool brief = (receiver_awaits_taking(&run->receiver) && timeout < TAKING_PAUSE_MAX_MS) ||
                 sender_due_ms(&run->sender) != NEVER_MS;
    int ready;

    arm_poll(run);
    ready = poll(run->fds, POLLED, timeout);
    if (run->fds[IN].fd >= 0 && run->fds[IN].revents == 0)
        hold_relent(&run->end->inlet.hold);
    if (ready < 0)
        return errno == EINTR ? OK : ERR_SYSTEM;
    if (ready == 0 && brief)
        return OK;
    if (ready == 0 && !run->gave_back) {
        sender_give_back(&run->sender);
        receiver_give_back(&run->receiver);
        if (run->terms->stack_is_spare)
            memory_give_back_stack();
    }
    run->gave_back = ready == 0;
    return OK;
}

/*
 * Nobody reads at the outlet. A socket whose other side has closed may have no need to, and only a
 * failure is one; a program that uses us, ssh say, may be closing both its ends, of which we see
 * one first.
 */
static enum kith_error outlet_broke(struct run *run, short how)
{
    if (run->end->outlet.kind != OUTLET_SOCKET) {
        run->outlet_broken_ms = clock_deadline_ms(LEAVING_MS);
        return OK;
    }
    errno = EPIPE;
    run->outlet_closed = (how & (POLLERR | POLLNVAL)) == 0;
    return run->outlet_closed ? OK : ERR_OUTLET_CLOSED;
}

/* What only the clock tells, in front of every wait. */
static enum kith_error check_patience(struct run *run)
{
    int64_t now_ms = clock_now_ms();

    if (bytes_moved(run) == run->moved && now_ms >= run->idle.until_ms &&
        !patience_lasts(&run->idle, queued(run)))
        return ERR_IDLE_TIMEOUT;
    if (now_ms >= run->outlet_broken_ms && run->end->inlet.fd >= 0) {
        errno = EPIPE;
        return ERR_OUTLET_CLOSED;
    }
    if (run->end->inlet.fd < 0)
        run->outlet_broken_ms = NEVER_MS;
    if (silence_is_too_long(&run->silence, &run->sender, now_ms)) {
        run->link->closed = true;
        run->link->closed_errno = ETIMEDOUT;
        return cut_lacks(run->link, &run->sender);
    }
    return OK;
}

/* Nothing can be said to the peer any more; of one that only brings bytes that is not known. */
static bool takes_nothing(const struct run *run, short how)
{
    return (how & (POLLHUP | POLLERR | POLLNVAL)) != 0 && !transport_is_two(&run->link->transport);
}

/*
 * Something has come from the transport, or become of it. A peer that has ended its side may have
 * said its receipt before, which is then still to be read, or was; but not if our end has not gone.
 */
static void hear_peer(struct run *run, short how)
{
    struct receiver *receiver = &run->receiver;

    if (receiver_wants_transport(receiver)) {
        receiver_read(receiver);
    } else if (takes_nothing(run, how)) {
        run->sender.broken = true;
    } else {
        run->peer_says_no_more = true;
        run->link->closed = !sender_has_ended(&run->sender);
    }
}

/* The peer has come to its end. */
static void consider_input(struct run *run)
{
    struct local_end *end = run->end;

    if (end->patience == ENDS_WITH_PEER ||
        (end->patience == WAITS_IF_PEER_SILENT && run->receiver.total > 0))
        end->inlet.fd = -1;
    else if (end->inlet.fd >= 0 && run->terms->input_awaited != NULL && !run->input_awaited)
        run->terms->input_awaited();
    run->input_awaited = true;
}

/* One round of reading and writing, after poll. */
static enum kith_error move(struct run *run)
{
    struct receiver *receiver = &run->receiver;
    bool outlet_idle = !receiver_wants_outlet(receiver);
    enum kith_error error = OK;

    if (run->fds[IN].revents != 0 && !inlet_heed(&run->end->inlet, run->fds[IN].revents))
        error = sender_read(&run->sender);
    if (error == OK && run->fds[FROM_PEER].revents != 0)
        hear_peer(run, run->fds[FROM_PEER].revents);
    if (error == OK)
        error = receiver_take(receiver);
    if (error == OK && outlet_idle && run->fds[OUT].revents != 0 && run->end->outlet.fd >= 0)
        error = outlet_broke(run, run->fds[OUT].revents);
    if (error == OK && run->fds[VERDICT].revents != 0) {
        error = local_end_verdict(run->end);
        run->condemned = error != OK;
    }
    if (receiver_delivered(receiver))
        consider_input(run);
    return error;
}

/*
 * Something has failed. The last words of a local socket are still sent, but not as whole; what
 * arrives for it is dropped.
 */
static enum kith_error hear_out(struct run *run, enum kith_error error)
{
    if (error == ERR_INLET && run->last_words.why != OK) {
        run->end->inlet.fd = -1;
        return OK;
    }
    if (!local_end_has_gone(run->end, error))
        return error;
    last_words_begin(&run->last_words, error, &run->link->transport);
    run->end->outlet.kind = OUTLET_GONE;
    if (error == ERR_INLET)
        run->end->inlet.fd = -1;
    return OK;
}

/* Whether nothing is left to wait for; *error is then how the stream has ended. */
static bool is_over(struct run *run, enum kith_error *error)
{
    const struct sender *sender = &run->sender;

    *error = OK;
    if (cut_lacks_nothing(run->link, sender))
        return true;
    if (receiver_is_cut(&run->receiver) || sender->broken)
        *error = cut_lacks(run->link, &run->sender);
    if (run->last_words.why != OK &&
        (*error != OK || (run->end->inlet.fd < 0 && !sender_wants_transport(sender)) ||
         !last_words_are_taken(&run->last_words, &run->link->transport)))
        *error = last_words_end(&run->last_words);
    return *error != OK;
}

/*
 * Whether our end may be said once the input has ended. The output of a program that fails ends in
 * that moment, too, and is no whole then: so it is waited for, a little.
 */
static bool may_end(struct run *run)
{
    if (!local_end_may_fail(run->end))
        return true;
    if (run->end->inlet.fd >= 0)
        return false;
    return exit_looks_pass(&run->exit_looks) && !sender_wants_transport(&run->sender);
}

/*
 * Nothing more can fail but the word that all has arrived: ours, which waits for a file to have its
 * name, and the peer's, which may wait for ours.
 */
static enum kith_error settle(struct run *run)
{
    enum kith_error error = OK;

    if (receiver_delivered(&run->receiver) && sender_has_ended(&run->sender))
        error = local_end_settle(run->end);
    run->condemned = error != OK;
    return error;
}

/* Say our end and our receipt when they are due, and send what waits. */
static enum kith_error speak(struct run *run)
{
    bool receipt_due = !local_end_awaits_verdict(run->end) && receiver_delivered(&run->receiver);
    uint64_t carried = run->sender.carried;
    enum kith_error error = OK;

    if (run->last_words.why == OK)
        error = sender_mark(&run->sender, may_end(run), receipt_due);
    if (error == OK)
        sender_flush(&run->sender);
    if (run->last_words.why != OK && run->sender.carried != carried)
        last_words_said(&run->last_words, &run->link->transport);
    if (error == OK && run->last_words.why == OK)
        error = settle(run);
    return error;
}

/*
 * What is here at the start: what the link has brought along; and of a socket, which never blocks,
 * what may go with a first word that is to be sent anyway.
 */
static enum kith_error take_first(struct run *run)
{
    enum kith_error error = receiver_take(&run->receiver);

    if (error == OK && run->end->inlet.is_socket && sender_wants_transport(&run->sender) &&
        sender_wants_input(&run->sender))
        error = sender_read(&run->sender);
    return error;
}

static enum kith_error why_ended(const struct run *run)
{
    return run->terms->ended != NULL ? *run->terms->ended : OK;
}

/* Until the stream is whole and all of it sent, or the first error, or somebody else has ended it.
 */
static enum kith_error flow(struct run *run)
{
    enum kith_error error = why_ended(run) == OK ? take_first(run) : OK;

    while (why_ended(run) == OK) {
        if (error != OK)
            error = hear_out(run, error);
        if (error == OK)
            error = speak(run);
        if (error != OK || is_over(run, &error))
            return error;
        error = check_patience(run);
        if (error == OK)
            error = await(run);
        if (error == OK && why_ended(run) == OK)
            error = move(run);
    }
    return why_ended(run);
}

/* What can still be done once the stream is over, and how it has ended then. */
static enum kith_error conclude_run(struct run *run, enum kith_error error,
                                    struct pump_result *result)
{
    struct receiver *receiver = &run->receiver;

    /* Of a program, file or socket that failed, the peer misses our last word, and nothing else. */
    result->in_order = error == OK || run->condemned || run->last_words.why != OK ||
                       (error == ERR_OUTLET && run->end->kind == LOCAL_FILE);
    if (!result->in_order && error != ERR_OUTLET && error != ERR_OUTLET_CLOSED &&
        why_ended(run) == OK)
        leftover_deliver(receiver, run->terms->ended);
    result->undelivered = receiver_wants_outlet(receiver);
    if (cut_is(error)) {
        error = cut_lacks(run->link, &run->sender);
        result->system_errno = run->link->closed_errno;
        if (error == ERR_CUT_DATA && receiver->total == 0 && !result->undelivered)
            error = ERR_CUT_NOTHING;
    }
    return error;
}

enum kith_error pump_run(struct link *link, struct local_end *end, const struct pump_terms *terms,
                         struct pump_result *result)
{
    struct run run = {
        .link = link,
        .end = end,
        .terms = terms,
        .outlet_broken_ms = NEVER_MS,
        .exit_looks = EXIT_LOOKS_NONE,
        .last_words = LAST_WORDS_NONE,
        .idle = patience_settling(terms->idle_timeout_ms),
        .silence = silence_begin(),
    };
    enum kith_error error = sender_start(&run.sender, link, &end->inlet, terms->rate);

    *result = (struct pump_result){0};
    stream_id(result->id, link->id, ++link->streams);
    if (error == OK)
        error = receiver_start(&run.receiver, link, &end->outlet);
    if (error == OK) {
        error = flow(&run);
        result->system_errno = errno;
        error = conclude_run(&run, error, result);
    }
    result->sent = run.sender.total;
    result->received = run.receiver.total;
    sender_free(&run.sender);
    return error;
}
