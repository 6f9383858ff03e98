/*
 * A call as a whole, over a socket: whoever is at its other end says anything, or a message 2 that
 * is signed and confirmed after it was changed, in pieces, early or late, and hangs up; the keeper
 * answers, or does not. A model says what has to come of it: keys only with the peer that was
 * meant, and nothing said but the hello before that.
 *
 * An input is a byte, the keeper's mood and whether only the peer is to be proven, and steps: what
 * is done (step below), and what goes with it.
 *
 * Targets: calls/handshake_io, protocol/handshake.
 */
#include <fcntl.h>
#include <signal.h>

#include "account.h"
#include "base/descriptor.h"
#include "calls/handshake_io.h"
#include "clocks.h"
#include "keeper.h"
#include "side.h"

#define TIMEOUT_MS 5000
#define WAIT_MS 100 /* of which a step waits some */
#define ROUNDS 16   /* in which all that can be done is */

enum step {
    STEP_ANSWER, /* message 2, and what is changed in its frame: have it to say */
    STEP_ADD,    /* have these bytes to say */
    STEP_SAY,    /* say so many bytes of it; 0: all */
    STEP_SHUT,
    STEP_LEAVE,
    STEP_WAIT,
    STEP_KEEPER /* is in this mood from here on */
};
#define STEPS 7

enum stage { CALLING, CALLED, DONE, FAILED };

/* One run, and what has to have come of it. */
static struct {
    struct handshake_io io;
    struct side side;
    struct called call;
    struct signed_hello made; /* message 2, once there is one */
    struct account account;
    bool agreed; /* there is an account */
    uint64_t called_ms, deadline_ms;
    enum stage stage;
    enum kith_error error; /* ERR_COUNT: any */
} run;

static struct handshake_rules rules = {.keeper = &keeper};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    (void)signal(SIGPIPE, SIG_IGN);
    demand(crypto_start() == OK && start_scene());
    keeper_begin(&dialer);
    rules.params = dialer.params;
    rules.namespace = dialer.namespace;
    return 0;
}

static void begin(struct input *input)
{
    static const struct endpoint nowhere = {.text = "nowhere"};
    const struct handshake_callee whom = {listener.public_key, KIND_PLAIN, NULL};
    uint8_t first = take_byte(input);
    int ends[2];

    memset(&run, 0, sizeof(run));
    mood = (enum mood)(first / 2 % MOODS);
    clocks.wall_ms = NOW;
    demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    demand(descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
    run.side.fd = ends[1];
    run.called_ms = NOW;
    run.deadline_ms = clocks.monotonic_ms + TIMEOUT_MS;
    handshake_io_dial(&run.io, &rules, &whom, transport_socket(ends[0]), &nowhere,
                      (int64_t)run.deadline_ms);
    run.io.check_only = (first & 1) != 0;
}

/* The hello is a good one of ours, to whom we mean. */
static void look_at_hello(void)
{
    const uint8_t *hello = run.side.heard + HEADER;
    struct piece piece = {hello, run.side.heard_len - HEADER};
    struct hello said;
    size_t info_len, len;
    uint8_t message[SIGNED_MAX];

    demand(piece.len == load_u32be(run.side.heard));
    demand(wire_get_hello(&said, &info_len, &len, hello, piece.len) == OK && len == piece.len);
    demand(memcmp(said.info.recipient, listener.public_key, KEY_SIZE) == 0);
    demand(memcmp(said.signer, dialer.public_key, KEY_SIZE) == 0);
    demand(said.info.timestamp_ms == run.called_ms && !said.info.has_tag);
    len = handshake_signed_bytes(message, &dialer.namespace, hello, info_len);
    demand(crypto_ed25519_verify(said.signature, said.signer, message, len) == OK);
    run.call = (struct called){hello, piece.len, {0}, run.io.handshake.ephemeral_secret};
    demand(crypto_sha256(run.call.digest, &piece, 1) == OK);
}

static void expect(enum stage stage, enum kith_error error)
{
    run.stage = stage;
    run.error = error;
}

/* The hello is said once it is signed. */
static void expect_call(void)
{
    if (mood == KEEPER_REFUSES)
        expect(FAILED, ERR_KEEPER);
    else if (mood == KEEPER_ANSWERS && run.side.fd < 0)
        expect(FAILED, ERR_HANDSHAKE_CUT);
    else if (mood == KEEPER_ANSWERS)
        expect(CALLED, OK);
}

/* What has come is judged once it is whole. */
static void expect_answer(void)
{
    const uint8_t *body;
    enum next next;
    size_t len;

    next = side_next(&run.side, MESSAGE_2_MAX, &body, &len);
    if (next == NEXT_AWAITED) {
        if (run.side.shut)
            expect(FAILED, ERR_HANDSHAKE_CUT);
        return;
    }
    if (next == NEXT_BAD) {
        expect(FAILED, len == 0 ? ERR_FRAME_EMPTY : ERR_FRAME_TOO_LONG);
        return;
    }
    expect(FAILED, ERR_COUNT);
    if (len != run.made.len || memcmp(body, run.made.bytes, len) != 0)
        return;
    run.made.now_ms = clocks.wall_ms;
    run.error = judge_answer(&run.made, &run.call, run.agreed);
    if (run.error == OK && next == NEXT_TOO_MUCH)
        run.error = ERR_HELLO_MALFORMED;
    if (run.error == OK)
        run.stage = DONE;
}

static void expect_all(void)
{
    if (run.stage < DONE && clocks.monotonic_ms >= run.deadline_ms)
        expect(FAILED, run.stage == CALLING ? ERR_KEEPER_SILENT : ERR_HANDSHAKE_TIMEOUT);
    if (run.stage == CALLING)
        expect_call();
    if (run.stage == CALLED)
        expect_answer();
}

/* What was said is what may be: the hello once it is signed, message 3 to whom is proven. */
static void check_words(enum stage before)
{
    struct side *side = &run.side;
    bool confirms = run.stage == DONE && !run.io.check_only;

    side_hear(side);
    if (side->fd < 0)
        return;
    if (before == CALLING && side->heard_len > 0 && run.call.hello == NULL) {
        demand(run.stage > CALLING);
        look_at_hello();
    }
    demand(run.stage != CALLED || run.call.hello != NULL);
    demand(side->heard_len == (run.call.hello == NULL ? 0 : HEADER + run.call.len) +
                                  (confirms ? MESSAGE_3_FRAME_SIZE : 0));
    if (confirms)
        demand(memcmp(side->heard + side->heard_len - TAG_SIZE, run.account.by_dialer, TAG_SIZE) ==
               0);
}

/* What is left of it: the right keys, or nothing. */
static void check_end(void)
{
    static const struct session_keys none;
    const struct handshake *handshake = &run.io.handshake;

    demand(run.io.error == run.error || run.error == ERR_COUNT);
    demand((run.io.error == OK) == (run.stage == DONE));
    demand(memcmp(&run.io.keys, run.stage == DONE ? &run.account.dialers : &none, sizeof(none)) ==
           0);
    demand(is_clean(handshake, &untouched));
    if (run.stage == DONE)
        demand(side_rest_is_at(&run.side, run.io.transport.in));
}

/* Let it go on as far as it can: it comes to rest, where it should. */
static void settle(void)
{
    enum stage before = run.stage;
    struct pollfd wait;
    int round = 0;

    if (before >= DONE)
        return;
    do {
        demand(round++ < ROUNDS);
        (void)handshake_io_step(&run.io);
        wait = handshake_io_wait(&run.io);
    } while (run.io.state < HANDSHAKE_IO_DONE && (keeper_goes_on() || poll(&wait, 1, 0) > 0));
    expect_all();
    demand((run.io.state == HANDSHAKE_IO_DONE) == (run.stage == DONE));
    demand((run.io.state == HANDSHAKE_IO_FAILED) == (run.stage == FAILED));
    demand(questions <= 1);
    check_words(before);
    if (run.stage >= DONE)
        check_end();
}

/* Who answers more than once says the same again. */
static void answer_call(struct input *input)
{
    if (run.stage != CALLED)
        return;
    if (run.made.len == 0) {
        make_signed(&run.made, input, &listener, &dialer, run.call.digest);
        clocks.wall_ms = run.made.now_ms;
        run.agreed = end_answer(&run.made, &run.call, &run.account);
    }
    side_add_frame(&run.side, input, run.made.bytes, run.made.len);
}

static void take_step(struct input *input)
{
    uint8_t bytes[UINT8_MAX];
    uint8_t number;

    switch ((enum step)(take_byte(input) % STEPS)) {
    case STEP_ANSWER:
        answer_call(input);
        break;
    case STEP_ADD:
        number = take_byte(input);
        side_add(&run.side, bytes, take(input, bytes, number));
        break;
    case STEP_SAY:
        number = take_byte(input);
        side_say(&run.side, number > 0 ? number : WORDS_MAX);
        break;
    case STEP_SHUT:
        side_shut(&run.side);
        break;
    case STEP_LEAVE:
        side_leave(&run.side);
        break;
    case STEP_WAIT:
        pass_time((uint64_t)take_byte(input) * WAIT_MS);
        break;
    case STEP_KEEPER:
        mood = (enum mood)(take_byte(input) % MOODS);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    begin(&input);
    settle();
    while (input.left > 0) {
        take_step(&input);
        settle();
    }
    handshake_io_wipe(&run.io);
    transport_close(&run.io.transport);
    side_leave(&run.side);
    keeper_forget();
    return 0;
}
