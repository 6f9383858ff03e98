/*
 * Frames that a peer has sealed, as they should be or not, in segments cut anywhere, and an outlet
 * that is read now and then: however they come, what is delivered is what the good frames that are
 * here whole say, and not a byte besides; and the first bad one is refused for what it is.
 *
 * An input is three bytes, the largest message less one and choices, and steps of three: what is
 * done, and a number that goes with it.
 *
 * Targets: stream/receiver, stream/link.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "fuzz.h"
#include "stream/receiver.h"

#define WIRE_MAX ((size_t)1 << 20) /* more than a link holds at once */
#define FRAMES_MAX 2048
#define NEVER SIZE_MAX

enum choice {
    INTO_PIPE = 1,    /* and not into a socket */
    NO_PLACE = 2,     /* nothing is wanted */
    OUR_END_SAID = 4, /* so that a receipt may come */
    CUT_AT_END = 8    /* what is not sent by then never is */
};

enum step {
    STEP_DATA,   /* so many bytes more, in a frame; the highest numbers alone make large ones */
    STEP_EMPTY,  /* an end, a receipt, or one too many */
    STEP_SEND,   /* so many bytes of the frames; 0: all */
    STEP_READ,   /* so many bytes at the outlet; 0: all */
    STEP_FLIP,   /* a bit of the next frame is another one */
    STEP_LENGTH, /* its length is */
    STEP_LOSE,   /* it does not come */
    STEP_DOUBLE  /* it comes twice */
};
#define STEPS 8
#define LARGE 0xc000 /* the lowest of them */
#define SMALL 256

/* What has to come of the frames, up to the first bad one. */
struct reference {
    size_t count;
    size_t ends[FRAMES_MAX];   /* of each good frame, in the wire */
    uint64_t data[FRAMES_MAX]; /* of the stream, with all until there */
    uint64_t all;
    enum stream_state state;
    size_t ended; /* where the end of the stream is whole, or NEVER */
    size_t due;   /* where the error is, or NEVER */
    enum kith_error error;
};

/* One run. */
static struct {
    size_t most; /* bytes of a message */
    uint8_t choices;
    struct channel peer;
    enum step next; /* what is done to the next frame, and its number */
    uint16_t number;
    bool lost;
    uint8_t wire[WIRE_MAX];
    size_t len, sent;
    struct reference reference;

    int peer_fd, reader_fd, outlet_fd;
    struct link link;
    struct outlet outlet;
    struct receiver receiver;
    enum kith_error error;
    uint64_t read; /* at the outlet */
    bool read_end;
} run;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    (void)signal(SIGPIPE, SIG_IGN);
    demand(crypto_start() == OK);
    return 0;
}

/* The byte at a place of the stream. */
static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place * 31 + (place >> 8));
}

/* The first bad frame: what has to be said of it, once that much of the wire is here. */
static void expect_error(size_t due, enum kith_error error)
{
    run.reference.due = due;
    run.reference.error = error;
}

/* A good frame of so many bytes, which ends there: what it means after those before it. */
static enum kith_error expect_message(size_t len, size_t whole)
{
    struct reference *reference = &run.reference;

    if (reference->state == STREAM_RECEIPTED)
        return ERR_AFTER_RECEIPT;
    if (len > 0 && reference->state == STREAM_ENDED)
        return ERR_AFTER_END;
    if (len > 0 && (run.choices & NO_PLACE) != 0)
        return ERR_NOT_WANTED;
    if (len == 0 && reference->state == STREAM_ENDED && (run.choices & OUR_END_SAID) == 0)
        return ERR_EARLY_RECEIPT;
    if (len == 0)
        reference->state++;
    if (len == 0 && reference->state == STREAM_ENDED)
        reference->ended = whole;
    reference->all += len;
    reference->ends[reference->count] = whole;
    reference->data[reference->count++] = reference->all;
    return OK;
}

/* The frame that starts there in the wire, of so many bytes that were sealed. */
static void expect(size_t start, size_t len, bool changed)
{
    size_t body = load_u32be(run.wire + start);
    size_t whole = start + FRAME_HEADER_SIZE + body;
    enum kith_error error = OK;

    if (run.reference.due != NEVER)
        return;
    if (body < TAG_SIZE)
        expect_error(start + FRAME_HEADER_SIZE, ERR_FRAME_SHORT);
    else if (body > run.most + TAG_SIZE)
        expect_error(start + FRAME_HEADER_SIZE, ERR_MESSAGE_TOO_LONG);
    else if (changed || run.lost)
        expect_error(whole, ERR_TAMPERED);
    else if ((error = expect_message(len, whole)) != OK)
        expect_error(whole, error);
}

/* Seal it as a peer would that keeps no rule of streams. */
static void seal(uint8_t *frame, size_t len)
{
    uint8_t *plaintext = frame + FRAME_HEADER_SIZE;

    for (size_t i = 0; i < len; i++)
        plaintext[i] = byte_at(run.reference.all + i);
    run.peer.sending.state = STREAM_OPEN;
    demand((len > 0 ? channel_seal(&run.peer, plaintext, len, frame)
                    : channel_seal_end(&run.peer, frame)) == OK);
}

/* Put a frame of so many bytes behind the others, unless there is no room. */
static void add_frame(size_t len)
{
    size_t start = run.len, size = len + FRAME_OVERHEAD, bit = run.number % (8 * size);
    uint32_t other_length = (uint32_t)(len + TAG_SIZE + run.number - INT16_MAX);
    uint8_t *frame = run.wire + start;
    enum step next = run.next;

    run.next = STEP_DATA;
    if (2 * size > WIRE_MAX - start || run.reference.count == FRAMES_MAX)
        return;
    seal(frame, len);
    if (next == STEP_LOSE) {
        run.lost = true;
        return;
    }
    run.len += size;
    if (next == STEP_FLIP)
        frame[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    if (next == STEP_LENGTH)
        store_u32be(frame, other_length);
    expect(start, len,
           next == STEP_FLIP || (next == STEP_LENGTH && other_length != len + TAG_SIZE));
    if (next == STEP_DOUBLE) {
        memcpy(frame + size, frame, size);
        run.len += size;
        expect(start + size, len, true);
    }
}

/* Whatever is here is dealt with, in rounds which all do something. */
static void settle(void)
{
    const struct receiver *receiver = &run.receiver;

    while (run.error == OK) {
        struct pollfd fds[] = {
            {receiver_wants_transport(receiver) ? run.link.transport.in : -1, POLLIN, 0},
            {receiver_wants_outlet(receiver) ? run.outlet.fd : -1, POLLOUT, 0}};
        uint64_t before = receiver->carried + receiver->total + run.link.closed;

        if (poll(fds, 2, 0) <= 0)
            break;
        if (fds[0].revents != 0)
            receiver_read(&run.receiver);
        run.error = receiver_take(&run.receiver);
        demand(receiver->carried + receiver->total + run.link.closed > before);
    }
    if (run.error != OK && receiver_wants_outlet(receiver))
        (void)!receiver_take(&run.receiver); /* what was opened before the error */
}

/* What is delivered is right for what was sent: all of it, unless the outlet is full. */
static void check(void)
{
    const struct reference *reference = &run.reference;
    enum kith_error error = run.sent >= reference->due ? reference->error : OK;
    size_t here = reference->count;

    while (here > 0 && reference->ends[here - 1] > run.sent)
        here--;
    demand(run.receiver.total <= (here > 0 ? reference->data[here - 1] : 0));
    demand(run.error == OK || run.error == error);
    if (receiver_wants_outlet(&run.receiver))
        return;
    demand(run.receiver.total == (here > 0 ? reference->data[here - 1] : 0));
    demand(run.error == error);
    demand(error != OK || run.receiver.carried == run.sent);
    demand(receiver_delivered(&run.receiver) == (reference->ended <= run.sent));
}

static void send_some(size_t most)
{
    size_t left = run.len - run.sent;
    ssize_t n = write(run.peer_fd, run.wire + run.sent, most < left ? most : left);

    if (n > 0)
        run.sent += (size_t)n;
}

/* Read at the outlet, and see that it is the stream. */
static void read_some(size_t most)
{
    static uint8_t bytes[1 << 16];
    ssize_t n;

    if (run.reader_fd < 0)
        return;
    n = read(run.reader_fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes));
    for (ssize_t i = 0; i < n; i++)
        demand(bytes[i] == byte_at(run.read + (uint64_t)i));
    if (n > 0)
        run.read += (uint64_t)n;
    run.read_end = run.read_end || n == 0;
    demand(run.read <= run.receiver.total);
}

static size_t size_for(uint16_t number)
{
    return number % (number < LARGE && run.most > SMALL ? SMALL : run.most) + 1;
}

static void take_step(enum step step, uint16_t number)
{
    size_t some = number > 0 ? number : SIZE_MAX;

    switch (step) {
    case STEP_DATA:
    case STEP_EMPTY:
        add_frame(step == STEP_DATA ? size_for(number) : 0);
        return;
    case STEP_SEND:
        send_some(some);
        break;
    case STEP_READ:
        read_some(some);
        break;
    default:
        run.next = step;
        run.number = number;
        return;
    }
    settle();
    check();
}

static void make_ends(bool pipe, int *in, int *out)
{
    int ends[2];

    if (pipe)
        demand(descriptor_pipe_nonblocking(ends));
    else
        demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 &&
               descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
    *in = ends[0];
    *out = ends[1];
}

static void make_outlet(void)
{
    run.outlet_fd = run.reader_fd = -1;
    run.outlet = outlet_none();
    if ((run.choices & NO_PLACE) != 0)
        return;
    make_ends((run.choices & INTO_PIPE) != 0, &run.reader_fd, &run.outlet_fd);
    run.outlet = outlet_socket(run.outlet_fd);
    if ((run.choices & INTO_PIPE) != 0)
        run.outlet.kind = OUTLET_PRIVATE;
}

static void begin(struct input *input)
{
    static const struct session_keys peers = {.send = {1}, .receive = {2}};
    struct session_keys keys = {.send = {2}, .receive = {1}};
    uint8_t frame[FRAME_OVERHEAD];
    int ours;

    run.most = take_byte(input);
    run.most += ((size_t)take_byte(input) << 8) + 1;
    run.choices = take_byte(input);
    run.next = STEP_DATA;
    run.lost = run.read_end = false;
    run.len = run.sent = run.read = 0;
    run.reference = (struct reference){.ended = NEVER, .due = NEVER};
    run.error = OK;
    make_ends(false, &ours, &run.peer_fd);
    make_outlet();
    demand(channel_start(&run.peer, &peers, run.most) == OK);
    demand(link_start(&run.link, transport_socket(ours), &keys, run.most) == OK);
    demand(receiver_start(&run.receiver, &run.link, &run.outlet) == OK);
    if ((run.choices & OUR_END_SAID) != 0)
        demand(channel_seal_end(&run.link.channel, frame) == OK);
}

/* The rest comes, unless the connection is cut here; all is read. */
static void finish(void)
{
    uint64_t before;

    do {
        before = run.sent + run.read;
        if ((run.choices & CUT_AT_END) == 0)
            send_some(SIZE_MAX);
        settle();
        check();
        read_some(SIZE_MAX);
    } while (run.sent + run.read > before);
    demand(shutdown(run.peer_fd, SHUT_WR) == 0);
    settle();
    demand(run.error != OK || run.link.closed);
    demand(run.error != OK || receiver_is_cut(&run.receiver) ==
                                  (run.link.channel.receiving.state != STREAM_RECEIPTED));
    check();
    read_some(SIZE_MAX);
    demand(!receiver_wants_outlet(&run.receiver));
    demand(run.read == run.receiver.total);
    demand(run.reader_fd < 0 || run.read_end == (run.reference.ended <= run.sent));
}

static void end(void)
{
    channel_wipe(&run.peer);
    link_close(&run.link);
    transport_close(&run.link.transport);
    (void)close(run.peer_fd);
    if (run.reader_fd >= 0)
        (void)close(run.reader_fd);
    if (run.outlet_fd >= 0 && (run.outlet.kind == OUTLET_SOCKET || run.outlet.fd >= 0))
        (void)close(run.outlet_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    begin(&input);
    while (input.left > 0) {
        enum step step = (enum step)(take_byte(&input) % STEPS);
        uint16_t number = take_byte(&input);

        number = (uint16_t)(number | take_byte(&input) << 8);
        take_step(step, number);
    }
    finish();
    end();
    return 0;
}
