/*
 * The pump: how a stream ends that is whole for the channel and not for the peer, and what it
 * leaves to the link. The peer is played move by move: it comes to its turn in front of each wait.
 */
#define _GNU_SOURCE    /* ppoll */
#undef _FORTIFY_SOURCE /* with which poll is inline, and there is none to stand before */
#include "stream/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "tap.h"

#define LIMIT_S 20 /* for a pump that does not see its end */
#define MESSAGE 100

/* We, and the peer with its ends of the two pipes that are our transport. */
static struct link ours;
static struct channel its;
static int to_us, from_us;
static int reader; /* of what we write out */
static int turn;
static int line_of_program;
static bool watched;      /* a wait that comes now */
static bool stands_still; /* all of us, in it, for longer than a program may go on without output */
static int longest_ms;    /* that one of those was to last at most */
static _Atomic enum kith_error ended_for;
static bool ends_in_wait; /* for the outlet alone, which takes something then */

static void drain(void);

/* The pump's waits, for which this stands before the C library's. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

    if (ends_in_wait && count == 1) {
        ended_for = ERR_REMOVED;
        drain();
    }
    if (watched && stands_still) {
        stands_still = false;
        (void)nanosleep(&(struct timespec){0, 400000000L}, NULL);
    }
    if (watched && (unsigned)timeout_ms > (unsigned)longest_ms)
        longest_ms = timeout_ms;
    return ppoll(fds, count, timeout_ms >= 0 ? &timeout : NULL, NULL);
}

static bool say(enum channel_event what)
{
    uint8_t frame[MESSAGE + FRAME_OVERHEAD] = {0};
    size_t len = what == CHANNEL_DATA ? MESSAGE : 0;
    enum kith_error error;

    if (what == CHANNEL_DATA)
        error = channel_seal(&its, frame + FRAME_HEADER_SIZE, len, frame);
    else if (what == CHANNEL_END)
        error = channel_seal_end(&its, frame);
    else
        error = channel_seal_receipt(&its, frame);
    return error == OK &&
           write(to_us, frame, len + FRAME_OVERHEAD) == (ssize_t)(len + FRAME_OVERHEAD);
}

/* Hear one message of ours that is empty: our end, or our receipt. */
static bool hear(enum channel_event what)
{
    uint8_t frame[FRAME_OVERHEAD];
    enum channel_event event;

    return read(from_us, frame, sizeof(frame)) == (ssize_t)sizeof(frame) &&
           channel_open(&its, frame + FRAME_HEADER_SIZE, TAG_SIZE, &event) == OK && event == what;
}

static bool its_opens(uint8_t frame[static 4 + FRAME_OVERHEAD])
{
    enum channel_event event;

    return channel_open(&its, frame + FRAME_HEADER_SIZE, 4 + TAG_SIZE, &event) == OK &&
           event == CHANNEL_DATA;
}

/* It breaks the rule that nothing follows a receipt. */
static bool say_more(void)
{
    its.sending.state = STREAM_OPEN;
    return say(CHANNEL_DATA);
}

/* Let who reads what we write out have all of it. */
static void drain(void)
{
    char dropped[4096];

    while (read(reader, dropped, sizeof(dropped)) > 0)
        continue;
}

static int64_t peer_goes_before_our_receipt(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)sent, (void)received;
    if (++turn == 1) {
        CHECK(hear(CHANNEL_END) && say(CHANNEL_DATA) && say(CHANNEL_END) && say(CHANNEL_RECEIPT),
              "the peer has our end, and says all that it has to");
    } else if (turn == 2) {
        (void)close(from_us);
        drain();
    }
    return NEVER_MS;
}

/* What it says has an end of its own, which comes before what it said has found room. */
static int64_t peer_says_no_more(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)sent, (void)received;
    if (++turn == 1) {
        CHECK(hear(CHANNEL_END) && say(CHANNEL_DATA) && say(CHANNEL_END) && say(CHANNEL_RECEIPT),
              "the peer says all that it has to");
    } else if (turn == 2) {
        (void)close(to_us);
        to_us = -1;
    } else if (turn == 4) {
        drain();
    }
    return NEVER_MS;
}

static int64_t peer_goes_on(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)sent, (void)received;
    if (++turn == 1)
        CHECK(hear(CHANNEL_END) && say(CHANNEL_END), "the peer ends");
    else if (turn == 2)
        CHECK(hear(CHANNEL_RECEIPT) && say(CHANNEL_RECEIPT) && say_more(),
              "and has more to say once it has our receipt");
    return NEVER_MS;
}

/* Its end comes at once, its receipt for our end, and then our program has ended. */
static int64_t peer_has_all(void *unused, uint64_t sent, uint64_t received)
{
    uint8_t frame[MESSAGE + FRAME_OVERHEAD];

    (void)unused, (void)received;
    watched = sent > 0 && ours.channel.sending.state == STREAM_OPEN;
    if (turn == 0)
        CHECK(say(CHANNEL_END), "the peer has nothing to say");
    if (turn++ == 0 || sent == 0 || ours.channel.sending.state == STREAM_OPEN ||
        line_of_program < 0)
        return NEVER_MS;
    CHECK(read(from_us, frame, 4 + FRAME_OVERHEAD) == 4 + FRAME_OVERHEAD && its_opens(frame) &&
              hear(CHANNEL_END) && say(CHANNEL_RECEIPT) && write(line_of_program, "", 1) == 1,
          "it has what our program has said, and its end, before that itself has ended");
    (void)close(line_of_program);
    line_of_program = -1;
    return NEVER_MS;
}

static void start_over(struct transport transport)
{
    struct session_keys keys = {.send = {1}, .receive = {2}},
                        mirrored = {.send = {2}, .receive = {1}};

    turn = 0;
    CHECK(descriptor_set_nonblocking(transport.in) && descriptor_set_nonblocking(transport.out) &&
              link_start(&ours, transport, &keys, MESSAGE) == OK &&
              channel_start(&its, &mirrored, MESSAGE) == OK,
          "a link over it");
}

static void start(void)
{
    int in[2], out[2];

    CHECK(descriptor_pipe(in) && descriptor_pipe(out), "a transport of two pipes");
    to_us = in[1];
    from_us = out[0];
    start_over((struct transport){.in = in[0], .out = out[1], .line = -1});
}

/* The same over a socket, which tells at once when its other side has gone. */
static void start_socket(void)
{
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a transport of a socket");
    to_us = from_us = pair[1];
    start_over(transport_socket(pair[0]));
}

/* A pipe that is full, as the outlet of an end that says nothing. */
static struct local_end full_end(int ends[static 2])
{
    static const char filling[4096];

    CHECK(descriptor_pipe(ends) && descriptor_set_nonblocking(ends[0]) &&
              descriptor_set_nonblocking(ends[1]),
          "a local end");
    reader = ends[0];
    while (write(ends[1], filling, sizeof(filling)) > 0)
        continue;
    return local_end_standard(inlet_none(), outlet_program(ends[1], -1), WAITS_FOR_INPUT);
}

static void finish(int reader_fd)
{
    channel_wipe(&its);
    transport_close(&ours.transport);
    if (to_us >= 0)
        (void)close(to_us);
    (void)close(reader_fd);
}

/* All has arrived, but the peer takes no receipt any more. */
static void test_receipt_not_taken(void)
{
    struct pump_terms terms = {.idle_timeout_ms = NEVER_MS,
                               .progress = peer_goes_before_our_receipt};
    struct pump_result result;
    struct local_end end;
    int pipe_ends[2];

    start();
    end = full_end(pipe_ends);
    CHECK(pump_run(&ours, &end, &terms, &result) == ERR_CUT_OUR_RECEIPT,
          "a receipt that the transport does not take is missing");
    CHECK(result.received == MESSAGE && !result.undelivered && !result.in_order,
          "though all is where it belongs");
    link_close(&ours);
    finish(pipe_ends[0]);
}

/* All has arrived, and the peer hears us though it is at its own end. */
static void test_receipt_after_its_end(void)
{
    struct pump_terms terms = {.idle_timeout_ms = NEVER_MS, .progress = peer_says_no_more};
    struct pump_result result;
    struct local_end end;
    int pipe_ends[2];

    start();
    end = full_end(pipe_ends);
    CHECK(pump_run(&ours, &end, &terms, &result) == OK && result.in_order,
          "where each direction has an end of its own, that of what comes is none of the other");
    CHECK(hear(CHANNEL_RECEIPT), "our receipt is said");
    CHECK(link_part(&ours) == OK, "the link is left in order");
    link_close(&ours);
    finish(pipe_ends[0]);
    (void)close(from_us);
}

/* What follows the receipts is not the pump's. */
static void test_more_than_a_stream(void)
{
    struct pump_terms terms = {.idle_timeout_ms = NEVER_MS, .progress = peer_goes_on};
    struct pump_result result;
    struct local_end end;
    int pipe_ends[2];

    start();
    end = full_end(pipe_ends);
    CHECK(pump_run(&ours, &end, &terms, &result) == OK && result.in_order, "the stream is whole");
    CHECK(ours.arrived.end - ours.arrived.start == MESSAGE + FRAME_OVERHEAD,
          "what came behind it stays in the link");
    CHECK(link_part(&ours) == ERR_AFTER_RECEIPT, "whose end it spoils");
    link_close(&ours);
    finish(pipe_ends[0]);
    (void)close(from_us);
}

/* The last word of somebody else comes while what the peer has said waits: some here, some there.
 */
static int64_t is_ended(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)sent, (void)received;
    if (++turn == 1) {
        CHECK(hear(CHANNEL_END) && say(CHANNEL_DATA), "the peer has said something");
    } else if (turn == 2) {
        CHECK(say(CHANNEL_DATA), "and says more");
        drain();
        ended_for = ERR_REMOVED;
    }
    return NEVER_MS;
}

/* What is ended by somebody else is over, whatever is still to be written. */
static void test_ended(void)
{
    struct pump_terms terms = {
        .idle_timeout_ms = NEVER_MS, .progress = is_ended, .ended = &ended_for};
    struct pump_result result;
    struct local_end end;
    int pipe_ends[2];
    char byte;

    start();
    end = full_end(pipe_ends);
    CHECK(pump_run(&ours, &end, &terms, &result) == ERR_REMOVED && !result.in_order,
          "it is over for that reason");
    CHECK(turn == 2 && read(pipe_ends[0], &byte, 1) == -1 && errno == EAGAIN,
          "and nothing more was written");
    link_close(&ours);
    finish(pipe_ends[0]);
    (void)close(from_us);
}

/* Once we go on, it takes a moment until we are told that our program has failed. */
static int64_t program_failed(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)received;
    watched = sent > 0 && ours.channel.sending.state == STREAM_OPEN;
    if (sent > 0 && !stands_still && ++turn == 2)
        CHECK(write(line_of_program, "", 1) == 1, "a program that has failed");
    return NEVER_MS;
}

/* The peer breaks off while what it has said waits. */
static int64_t peer_breaks_off(void *unused, uint64_t sent, uint64_t received)
{
    (void)unused, (void)sent, (void)received;
    if (++turn == 1) {
        CHECK(hear(CHANNEL_END) && say(CHANNEL_DATA), "the peer has said something");
    } else if (turn == 2) {
        (void)close(to_us);
        to_us = -1;
        ends_in_wait = true;
    }
    return NEVER_MS;
}

/* The same of a stream that was broken before, when what is left is written. */
static void test_ended_after_break(void)
{
    struct pump_terms terms = {
        .idle_timeout_ms = NEVER_MS, .progress = peer_breaks_off, .ended = &ended_for};
    struct pump_result result;
    struct local_end end;
    int pipe_ends[2];
    char byte;

    start_socket();
    ended_for = OK;
    end = full_end(pipe_ends);
    CHECK(pump_run(&ours, &end, &terms, &result) != OK, "it is broken");
    CHECK(ended_for == ERR_REMOVED && read(pipe_ends[0], &byte, 1) == -1 && errno == EAGAIN,
          "what is left is not written once it was ended");
    ends_in_wait = false;
    link_close(&ours);
    finish(pipe_ends[0]);
}

/* A program that has said something and closed its output; line is the one that tells its end. */
static struct local_end program_end(int line[static 2], local_end_judge *judge)
{
    int from[2];

    CHECK(descriptor_pipe(from) && descriptor_pipe(line) && write(from[1], "word", 4) == 4 &&
              close(from[1]) == 0 && descriptor_set_nonblocking(from[0]),
          "a program that has closed its output");
    line_of_program = line[1];
    return local_end_program(from[0], -1, line[0], judge, NULL);
}

static enum kith_error judge_badly(void *unused)
{
    (void)unused;
    return ERR_PROGRAM;
}

/* A program that fails, while all of us stand still, is not taken for one that goes on. */
static void test_program_that_failed(void)
{
    struct pump_terms terms = {.idle_timeout_ms = NEVER_MS, .progress = program_failed};
    struct pump_result result;
    struct local_end end;
    int line[2];

    start();
    end = program_end(line, judge_badly);
    stands_still = true;
    CHECK(pump_run(&ours, &end, &terms, &result) == ERR_PROGRAM &&
              ours.channel.sending.state == STREAM_OPEN,
          "our end is not said of what a program has said that failed");
    link_close(&ours);
    finish(line[0]);
    (void)close(line[1]);
    (void)close(from_us);
}

static enum kith_error judge_well(void *unused)
{
    (void)unused;
    return OK;
}

/*
 * A program whose output ends with its last words, in one round, is given no more than a moment to
 * end itself before our end is said.
 */
static void test_program_that_goes_on(void)
{
    struct pump_terms terms = {.idle_timeout_ms = NEVER_MS, .progress = peer_has_all};
    struct pump_result result;
    struct local_end end;
    int line[2];

    start();
    end = program_end(line, judge_well);
    longest_ms = 0;
    CHECK(pump_run(&ours, &end, &terms, &result) == OK && result.in_order, "the stream is whole");
    CHECK(longest_ms > 0 && longest_ms <= 250,
          "our end waited no longer than it may for the program's: %d ms", longest_ms);
    link_close(&ours);
    finish(line[0]);
    (void)close(from_us);
}

int main(void)
{
    (void)alarm(LIMIT_S);
    (void)signal(SIGPIPE, SIG_IGN);
    CHECK(crypto_start() == OK, "libcrypto");
    test_receipt_not_taken();
    test_receipt_after_its_end();
    test_more_than_a_stream();
    test_ended();
    test_ended_after_break();
    test_program_that_goes_on();
    test_program_that_failed();
    return tap_done();
}
