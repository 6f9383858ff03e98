/*
 * More callers than there are places, at a listener's reception: known peers and others, from many
 * sources and from behind a balancer, which says who calls in a PROXY header, whole or not, in
 * pieces, at any time. There are never more of them than places; nobody is told anything before its
 * whole hello is here; who is alone at its source, and new, need not give way to anybody; each
 * guest is who has called, from where it has called; and who waits for a place gets one.
 *
 * An input is steps: a byte, whose lowest three bits are what is done (step below), the others by
 * whom, and what goes with it.
 *
 * Targets: calls/reception, calls/callers, calls/places, calls/proxy_protocol.
 */
#include "base/descriptor.h"
#include "calls/proxy_protocol.h"
#include "receiving.h"
#include "side.h"

#define CALLERS 32
#define PLACES 8
#define NEW_MS 200 /* so long anybody may be silent */
#define PAUSE_MS 20
#define WAIT_MS 20
#define ROUNDS 200
#define SOURCES 8
#define BALANCER 9 /* the last byte of its address, 10.0.0.9; sources have lower ones */

enum step { STEP_CALL, STEP_SAY, STEP_CONFIRM, STEP_SHUT, STEP_LEAVE, STEP_WAIT, STEP_KEEPER };
#define STEPS 7

enum introduction { NOT_BEHIND, BY_LINE, BY_HEADER, AS_UNKNOWN };
#define INTRODUCTIONS 4

struct far_caller {
    struct side side;
    struct endpoint from;            /* as the listener sees it */
    char is_from[ADDRESS_TEXT_SIZE]; /* as it has to be in the end */
    uint8_t source;                  /* likewise */
    bool behind, spoilt, confirmed;
    const struct party *party;
    struct handshake handshake;
    size_t hello_end; /* in what it says */
    int at_listener;  /* its descriptor there; -1 while it waits for a place */
    uint64_t taken_ms;
};

static struct {
    struct far_caller callers[CALLERS];
    size_t waiting[CALLERS]; /* for a place, in order */
    size_t waiting_count;
    uint8_t calls_of[BALANCER + 1]; /* of a source, ever */
    uint64_t paused_until_ms;
    struct guest guest;
} run;

static struct address_ranges proxies;

static void set_source(struct endpoint *endpoint, uint8_t last, uint16_t port)
{
    struct ip ip = {{10, 0, 0, last}, IPV4_SIZE};

    *endpoint = (struct endpoint){.len = 0};
    endpoint_set_ip(endpoint, &ip, htons(port));
}

/* In the place of net/acceptance: who waits is taken in turn, from where it says. */

void acceptance_begin(struct acceptance *acceptance, const char *what,
                      const struct listeners *unused)
{
    *acceptance = (struct acceptance){.what = what, .listeners = unused};
}

void acceptance_pause(struct acceptance *acceptance)
{
    (void)acceptance;
    run.paused_until_ms = clocks.monotonic_ms + PAUSE_MS;
}

int64_t acceptance_arm(struct acceptance *acceptance, struct poll_set *unused)
{
    (void)acceptance, (void)unused;
    return run.paused_until_ms > clocks.monotonic_ms ? (int64_t)run.paused_until_ms : NEVER_MS;
}

enum accepted acceptance_take(struct acceptance *acceptance, const struct poll_set *unused, int *fd,
                              struct endpoint *from)
{
    struct far_caller *caller;
    int ends[2];

    (void)acceptance, (void)unused;
    if (run.waiting_count == 0 || clocks.monotonic_ms < run.paused_until_ms)
        return ACCEPTED_NONE;
    caller = &run.callers[run.waiting[0]];
    memmove(run.waiting, run.waiting + 1, --run.waiting_count * sizeof(run.waiting[0]));
    demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    demand(descriptor_set_nonblocking(ends[0]) && descriptor_set_nonblocking(ends[1]));
    for (size_t i = 0; i < CALLERS; i++) /* its number may have been another's, who is gone */
        if (run.callers[i].at_listener == ends[1])
            run.callers[i].at_listener = -1;
    caller->side.fd = ends[0];
    caller->at_listener = *fd = ends[1];
    caller->taken_ms = clocks.monotonic_ms;
    *from = caller->from;
    return ACCEPTED;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct problem problem;

    (void)argc, (void)argv;
    receiving_start(PLACES, KIND_SET(KIND_PLAIN));
    demand(peers_add(&admission.set, stranger.public_key, "stranger") == OK);
    demand(address_ranges_parse(&proxies, "10.0.0.9", &problem) == OK);
    return 0;
}

static void begin(void)
{
    memset(&run, 0, sizeof(run));
    for (size_t i = 0; i < CALLERS; i++)
        run.callers[i].side.fd = run.callers[i].at_listener = -1;
    receiving_begin(PLACES, &proxies);
}

/* What its balancer says of it first, if it has one. */
static void introduce(struct far_caller *caller, enum introduction how)
{
    uint8_t header[PROXY_HEADER_MAX] = "PROXY UNKNOWN\r\n";
    struct endpoint own;
    size_t len = strlen((const char *)header);

    set_source(&own, caller->source, 7);
    if (how == NOT_BEHIND)
        return;
    if (how == AS_UNKNOWN) {
        caller->source = BALANCER;
    } else {
        (void)snprintf(caller->is_from, sizeof(caller->is_from), "%s", own.text);
        len = (size_t)snprintf((char *)header, sizeof(header),
                               "PROXY TCP4 10.0.0.%u 10.1.1.1 7 443\r\n", caller->source);
    }
    if (how == BY_HEADER)
        len = proxy_header(header, &own, (const struct sockaddr *)&caller->from.address,
                           caller->party->public_key, "x");
    side_add(&caller->side, header, len);
}

/* What it is going to say: whom it calls for, and its hello, changed or not. */
static void call(struct far_caller *caller, size_t number, struct input *input)
{
    uint8_t choice = take_byte(input), frame[MESSAGE_1_FRAME_MAX];
    enum introduction how = (enum introduction)(choice / 16 % INTRODUCTIONS);
    size_t len;

    if (caller->party != NULL) /* one call each: so nobody is taken for another */
        return;
    caller->party = (choice & 128) != 0 ? &stranger : &dialer;
    caller->source = choice % SOURCES;
    caller->behind = how != NOT_BEHIND;
    set_source(&caller->from, caller->behind ? BALANCER : caller->source, 7);
    (void)snprintf(caller->is_from, sizeof(caller->is_from), "%s", caller->from.text);
    introduce(caller, how);
    pass_time(1); /* no two hellos are the same */
    demand(party_call(caller->party, &caller->handshake, listener.public_key, clocks.wall_ms, frame,
                      &len) == OK);
    side_add(&caller->side, frame, len);
    caller->hello_end = caller->side.len;
    caller->spoilt = change(input, caller->side.words, caller->side.len);
    run.calls_of[caller->source]++;
    run.waiting[run.waiting_count++] = number;
}

/* If message 2 is here: message 3 is to be said. */
static void say_message_3(struct far_caller *caller)
{
    uint8_t frame[MESSAGE_3_FRAME_SIZE];
    struct session_keys keys;
    enum kith_error error;

    if (caller->side.heard_len < HEADER || caller->spoilt)
        return;
    error = dialer_confirm(&caller->handshake, caller->side.heard + HEADER,
                           caller->side.heard_len - HEADER, clocks.wall_ms, frame, &keys);
    caller->spoilt = error != OK;
    demand(error == OK || (error == ERR_CLOCK_BEHIND && clocks.monotonic_ms - caller->taken_ms >
                                                            listener.params.max_handshake_age_ms));
    if (caller->spoilt)
        return;
    side_add(&caller->side, frame, sizeof(frame));
    side_say(&caller->side, WORDS_MAX);
    caller->spoilt = caller->confirmed = true; /* once */
}

static bool is_alone(const struct far_caller *caller)
{
    return !caller->behind && run.calls_of[caller->source] == 1;
}

static void check(struct far_caller *caller)
{
    struct side *side = &caller->side;
    uint64_t age_ms = clocks.monotonic_ms - caller->taken_ms;
    bool was_refused = caller->spoilt || side->shut || side->said > 0;

    if (side->fd < 0)
        return;
    side_hear(side);
    demand(side->heard_len == 0 || side->said >= caller->hello_end);
    demand(!side->hung_up || was_refused || !is_alone(caller) || age_ms >= NEW_MS);
}

/* It is the one at the other end of this connection. */
static void check_guest(void)
{
    struct guest *guest = &run.guest;
    struct far_caller *caller = run.callers;

    while (caller < run.callers + CALLERS && caller->at_listener != guest->transport.in)
        caller++;
    demand(caller < run.callers + CALLERS && caller->confirmed);
    demand(memcmp(guest->key, caller->party->public_key, KEY_SIZE) == 0);
    demand(strcmp(guest->from.text, caller->is_from) == 0);
    transport_close(&guest->transport);
    side_leave(&caller->side);
    caller->at_listener = -1;
}

/* One round of a listener's; false if there is nothing to do until time passes. */
static bool go_on(void)
{
    bool can_call = run.waiting_count > 0 && clocks.monotonic_ms >= run.paused_until_ms;
    enum reception_result result;

    if (!receiving_is_due() && !can_call)
        return false;
    result = reception_step(&reception, &set, &run.guest);
    demand(result != RECEPTION_FAILED && reception_count(&reception) <= PLACES);
    if (result == RECEPTION_GUEST)
        check_guest();
    return true;
}

static void settle(void)
{
    int round = 0;

    while (go_on() || keeper_goes_on())
        demand(round++ < ROUNDS);
    for (size_t i = 0; i < CALLERS; i++)
        check(&run.callers[i]);
}

static void act(size_t number, uint8_t step, struct input *input)
{
    struct far_caller *caller = &run.callers[number];

    switch ((enum step)(step % STEPS)) {
    case STEP_CALL:
        call(caller, number, input);
        break;
    case STEP_SAY:
        side_say(&caller->side, take_byte(input) * (size_t)4 + 1);
        break;
    case STEP_CONFIRM:
        say_message_3(caller);
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
}

/* Nobody says any more: all who wait are taken, and gone before long. */
static void end(void)
{
    for (int i = 0; i < CALLERS && run.waiting_count > 0; i++) {
        pass_time(TIMEOUT_MS);
        settle();
    }
    demand(run.waiting_count == 0);
    for (int i = 0; i < 2; i++) { /* refused, and hung up on */
        pass_time(TIMEOUT_MS);
        settle();
    }
    demand(reception_count(&reception) == 0);
    reception_end(&reception, OK);
    for (size_t i = 0; i < CALLERS; i++)
        demand(run.callers[i].side.fd < 0 || run.callers[i].side.hung_up);
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

        act(step / 8, step % 8, &input);
        settle();
    }
    end();
    return 0;
}
