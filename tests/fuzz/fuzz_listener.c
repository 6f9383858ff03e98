/*
 * A listener's reception as a whole, at a socket: callers come, say anything, or a hello that is
 * signed after it was changed, in pieces, early, late or again, confirm rightly or not, and hang
 * up, each between what the others do; the keeper answers, or does not. A model says what has to
 * come of each: only the known peer becomes a guest, whole and with the right keys, and nobody is
 * told a byte before a hello of its is proven, nor after a refusal.
 *
 * An input is steps: a byte, whose lowest three bits are what is done (step below), the next two by
 * whom, and then a choice or two; and what goes with it.
 *
 * Targets: calls/reception, calls/callers, calls/handshake_io, protocol/handshake.
 */
#include <fcntl.h>
#include <sys/un.h>

#include "account.h"
#include "base/descriptor.h"
#include "receiving.h"
#include "side.h"

#define CALLERS 4
#define CALLS_MAX 14 /* in all: fewer than anybody has to give way for */
#define PLACES 64
#define WAIT_MS 100 /* of which a step waits some */
#define ROUNDS 100  /* in which all that can be done is */

enum step {
    STEP_CALL,    /* a hello, and what is changed in its frame: has it to say */
    STEP_CONFIRM, /* message 3, and the same */
    STEP_ADD,     /* has these bytes to say */
    STEP_SAY,     /* says so many bytes of it; 0: all */
    STEP_SHUT,
    STEP_LEAVE,
    STEP_WAIT,
    STEP_KEEPER /* is in this mood from here on */
};
#define STEPS 8

enum mark {
    LATER = 32, /* what is to be said is not said at once */
    AGAIN = 64  /* what the caller said that called before */
};

enum stage { NOBODY, SILENT, HEARD, ANSWERED, GUEST, REFUSED };

struct far_caller {
    struct side side;
    struct signed_hello made;
    struct account account;
    bool knows;       /* the secret of its ephemeral key, and message 2 */
    enum stage stage; /* as it has to be */
    uint64_t deadline_ms, refused_ms;
    uint64_t heard_ms; /* by the wall clock */
    bool answered;
};

/* One run. */
static struct {
    struct far_caller callers[CALLERS];
    struct far_caller *latest;
    size_t calls, heard; /* of all callers */
    struct {
        uint8_t digest[HASH_SIZE];
        uint64_t since_ms;
    } hellos[CALLS_MAX]; /* that were heard */
    size_t hello_count;
    struct guest guest;
    bool has_guest;
} run;

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static char folder[64];

static void forget_address(void)
{
    (void)unlink(address.sun_path);
    (void)rmdir(folder);
}

static void listen_somewhere(void)
{
    const char *temporary = getenv("TMPDIR");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(folder, sizeof(folder), "%s/kith-fuzz.XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    demand(mkdtemp(folder) != NULL);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    demand(atexit(forget_address) == 0);
    demand(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    demand(listen(fd, CALLS_MAX) == 0 && descriptor_set_nonblocking(fd));
    listeners.fds[0] = fd;
    listeners.count = 1;
    (void)snprintf(listeners.text, sizeof(listeners.text), "here");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    receiving_start(PLACES, KIND_SET(KIND_PLAIN) | KIND_SET(KIND_KEPT));
    listen_somewhere();
    return 0;
}

static void begin(void)
{
    memset(&run, 0, sizeof(run));
    for (size_t i = 0; i < CALLERS; i++)
        run.callers[i].side.fd = -1;
    run.latest = &run.callers[0];
    receiving_begin(PLACES, NULL);
}

/* Whether a hello was heard before, of late; it is now. */
static bool was_heard(const uint8_t digest[static HASH_SIZE])
{
    size_t i = 0;

    while (i < run.hello_count && (memcmp(run.hellos[i].digest, digest, HASH_SIZE) != 0 ||
                                   clocks.monotonic_ms - run.hellos[i].since_ms > FRESH_MS))
        i++;
    if (i < run.hello_count)
        return true;
    memcpy(run.hellos[i].digest, digest, HASH_SIZE);
    run.hellos[i].since_ms = clocks.monotonic_ms;
    run.hello_count++;
    return false;
}

/* Message 1, once it is whole: whether it is a new hello of the known peer, for us and of now. */
static enum stage expect_hello(struct far_caller *caller)
{
    struct signed_hello *made = &caller->made;
    struct hello hello = {0};
    const uint8_t *body;
    struct piece piece;
    uint8_t digest[HASH_SIZE];
    size_t len;
    enum next next = side_next(&caller->side, MESSAGE_1_MAX, &body, &len);

    if (next == NEXT_AWAITED)
        return caller->side.shut ? REFUSED : SILENT;
    if (next == NEXT_BAD || len != made->len || memcmp(body, made->bytes, len) != 0)
        return REFUSED;
    made->now_ms = clocks.wall_ms;
    if (judge(made, &hello, &listener, 0) != OK || made->signer != &dialer)
        return REFUSED;
    piece = (struct piece){body, len};
    demand(crypto_sha256(digest, &piece, 1) == OK);
    if (was_heard(digest) || next == NEXT_TOO_MUCH)
        return REFUSED;
    run.heard++;
    caller->heard_ms = clocks.wall_ms;
    return HEARD;
}

/* What it is told, once the keeper has signed it. */
static enum stage expect_answer(struct far_caller *caller)
{
    uint8_t shared[KEY_SIZE];
    struct hello hello;

    if (mood == KEEPER_WAITS)
        return HEARD;
    demand(wire_get_hello(&hello, &(size_t){0}, &(size_t){0}, caller->made.bytes,
                          caller->made.len) == OK);
    if (mood == KEEPER_REFUSES || caller->side.fd < 0 ||
        crypto_x25519(shared, dialer.secret, hello.info.ephemeral) != OK)
        return REFUSED;
    caller->answered = true;
    return ANSWERED;
}

/* Message 3: there is one that is right. */
static enum stage expect_confirmation(struct far_caller *caller)
{
    const uint8_t *body;
    size_t len;
    enum next next = side_next(&caller->side, MESSAGE_3_SIZE, &body, &len);

    if (next == NEXT_AWAITED)
        return caller->side.shut ? REFUSED : ANSWERED;
    return next == NEXT_HERE && len == TAG_SIZE && caller->knows &&
                   memcmp(body, caller->account.by_dialer, len) == 0
               ? GUEST
               : REFUSED;
}

static void expect(struct far_caller *caller)
{
    bool pending = caller->stage == SILENT || caller->stage == HEARD || caller->stage == ANSWERED;

    if (pending && clocks.monotonic_ms >= caller->deadline_ms)
        caller->stage = REFUSED;
    if (caller->stage == SILENT)
        caller->stage = expect_hello(caller);
    if (caller->stage == HEARD)
        caller->stage = expect_answer(caller);
    if (caller->stage == ANSWERED)
        caller->stage = expect_confirmation(caller);
    if (pending && caller->stage == REFUSED)
        caller->refused_ms = clocks.monotonic_ms;
}

/* Message 2 is the listener's answer to this caller, of that moment; then it can be confirmed. */
static void look_at_answer(struct far_caller *caller)
{
    const uint8_t *answered = caller->side.heard + HEADER;
    const struct signed_hello *made = &caller->made;
    struct piece piece = {made->bytes, made->len};
    uint8_t digest[HASH_SIZE], message[SIGNED_MAX];
    struct hello theirs, ours;
    size_t info_len, hello_len, len = caller->side.heard_len - HEADER;

    demand(caller->side.heard_len > HEADER && len == load_u32be(caller->side.heard));
    demand(wire_get_hello(&theirs, &info_len, &hello_len, answered, len) == OK);
    demand(hello_len + TAG_SIZE == len);
    demand(crypto_sha256(digest, &piece, 1) == OK);
    demand(theirs.info.has_tag && memcmp(theirs.info.tag, digest, HASH_SIZE) == 0);
    demand(memcmp(theirs.info.recipient, dialer.public_key, KEY_SIZE) == 0);
    demand(memcmp(theirs.signer, listener.public_key, KEY_SIZE) == 0);
    demand(theirs.info.timestamp_ms == caller->heard_ms);
    len = handshake_signed_bytes(message, &listener.namespace, answered, info_len);
    demand(crypto_ed25519_verify(theirs.signature, theirs.signer, message, len) == OK);
    demand(make_account(&caller->account, dialer.secret, theirs.info.ephemeral, made->bytes,
                        made->len, answered, hello_len));
    demand(wire_get_hello(&ours, &info_len, &len, made->bytes, made->len) == OK);
    demand(crypto_x25519_public(message, dialer.secret) == OK);
    caller->knows = are_alike(message, ours.info.ephemeral);
    demand(!caller->knows ||
           memcmp(answered + hello_len, caller->account.by_listener, TAG_SIZE) == 0);
}

/* Nobody is told more than is due; who is refused, and nobody else, is hung up on before long. */
static void check_words(struct far_caller *caller)
{
    struct side *side = &caller->side;
    size_t before = side->heard_len;

    side_hear(side);
    if (side->fd < 0)
        return;
    if (before == 0 && side->heard_len > 0) {
        demand(caller->answered);
        look_at_answer(caller);
    }
    demand(before == 0 || side->heard_len == before);
    demand(caller->stage != ANSWERED || side->heard_len > 0);
    if (caller->stage != REFUSED)
        demand(!side->hung_up);
    else
        demand(side->hung_up || clocks.monotonic_ms - caller->refused_ms < WAIT_MS);
}

/* Who has become a guest is whom we expect, with the right keys; what it said since is not read. */
static void check_guest(struct far_caller *caller)
{
    struct guest *guest = &run.guest;

    demand(run.has_guest == (caller->stage == GUEST));
    if (!run.has_guest)
        return;
    run.has_guest = false;
    demand(memcmp(guest->key, dialer.public_key, KEY_SIZE) == 0);
    demand(memcmp(guest->keys.send, caller->account.dialers.receive, KEY_SIZE) == 0);
    demand(memcmp(guest->keys.id, caller->account.dialers.id, SESSION_ID_SIZE) == 0);
    demand(memcmp(guest->keys.receive, caller->account.dialers.send, KEY_SIZE) == 0);
    demand(strcmp(guest->admitted.name, "dialer") == 0);
    demand(side_rest_is_at(&caller->side, guest->transport.in));
    transport_close(&guest->transport);
    side_leave(&caller->side);
    caller->stage = NOBODY;
}

/* One round of a listener's; false if there is nothing to do until time passes. */
static bool go_on(void)
{
    enum reception_result result;

    if (!receiving_is_due())
        return false;
    result = reception_step(&reception, &set, &run.guest);
    demand(result != RECEPTION_FAILED && reception.callers.work <= 4);
    demand(result != RECEPTION_GUEST || !run.has_guest);
    run.has_guest = run.has_guest || result == RECEPTION_GUEST;
    return true;
}

/* Let all go on as far as they can, after one of them has done something. */
static void settle(struct far_caller *acting)
{
    int round = 0;

    while (go_on() || keeper_goes_on())
        demand(round++ < ROUNDS);
    for (size_t i = 0; i < CALLERS; i++)
        expect(&run.callers[i]);
    check_guest(acting);
    for (size_t i = 0; i < CALLERS; i++) {
        if (run.callers[i].stage != NOBODY)
            check_words(&run.callers[i]);
    }
    demand(questions <= run.heard);
}

static void call(struct far_caller *caller, struct input *input, bool again)
{
    const struct far_caller before = *run.latest;
    int fd;

    if (run.calls++ >= CALLS_MAX)
        return;
    side_leave(&caller->side);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    demand(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    demand(descriptor_set_nonblocking(fd));
    memset(caller, 0, sizeof(*caller));
    caller->side.fd = fd;
    caller->stage = SILENT;
    caller->deadline_ms = clocks.monotonic_ms + TIMEOUT_MS;
    run.latest = caller;
    if (again) {
        caller->made = before.made;
        side_add(&caller->side, before.side.words, before.side.len);
        return;
    }
    make_signed(&caller->made, input, &dialer, &listener, NULL);
    clocks.wall_ms = caller->made.now_ms;
    caller->made.len += (caller->made.choices & ONE_MORE_BYTE) != 0;
    side_add_frame(&caller->side, input, caller->made.bytes, caller->made.len);
}

/* What one of them does. */
static void act(struct far_caller *caller, uint8_t step, struct input *input)
{
    uint8_t bytes[UINT8_MAX];
    uint8_t number;

    switch ((enum step)(step % STEPS)) {
    case STEP_CALL:
        call(caller, input, (step & AGAIN) != 0);
        break;
    case STEP_CONFIRM:
        side_add_frame(&caller->side, input, caller->account.by_dialer, TAG_SIZE);
        break;
    case STEP_ADD:
        number = take_byte(input);
        side_add(&caller->side, bytes, take(input, bytes, number));
        break;
    case STEP_SAY:
        number = take_byte(input);
        side_say(&caller->side, number > 0 ? number : WORDS_MAX);
        break;
    case STEP_SHUT:
        side_shut(&caller->side);
        break;
    case STEP_LEAVE:
        side_leave(&caller->side);
        break;
    case STEP_WAIT:
        pass_time((uint64_t)take_byte(input) * WAIT_MS);
        break;
    case STEP_KEEPER:
        mood = (enum mood)(take_byte(input) % MOODS);
        break;
    }
    if (step % STEPS <= STEP_ADD && (step & LATER) == 0)
        side_say(&caller->side, WORDS_MAX);
}

static void end(void)
{
    reception_end(&reception, OK);
    demand(reception_count(&reception) == 0);
    for (size_t i = 0; i < CALLERS; i++)
        side_leave(&run.callers[i].side);
    receiving_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    begin();
    while (input.left > 0) {
        uint8_t step = take_byte(&input);
        struct far_caller *caller = &run.callers[step / STEPS % CALLERS];

        act(caller, step, &input);
        settle(caller);
    }
    end();
    return 0;
}
