/*
 * Owns the carrying of handshake messages over a transport. Must never read a byte of what follows
 * message 3 (it belongs to the channel), and never say anything after a refusal.
 */
#include "calls/greeting.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static void begin(struct greeting *greeting, const struct greeting_rules *rules,
                  enum greeting_role role, struct transport transport, const struct net_peer *peer,
                  int64_t deadline_ms)
{
    memset(greeting, 0, sizeof(*greeting));
    greeting->rules = rules;
    greeting->role = role;
    greeting->transport = transport;
    greeting->peer = *peer;
    greeting->deadline_ms = deadline_ms;
    greeting->message = 1;
}

static enum greeting_state fail(struct greeting *greeting, enum kith_error error)
{
    greeting->error = error;
    greeting->state = GREETING_FAILED;
    greeting_wipe(greeting);
    return greeting->state;
}

void greeting_wipe(struct greeting *greeting)
{
    handshake_wipe(&greeting->handshake);
    session_keys_wipe(&greeting->keys);
}

void greeting_listen(struct greeting *greeting, const struct greeting_rules *rules,
                     struct transport transport, const struct net_peer *from, int64_t deadline_ms)
{
    begin(greeting, rules, GREETING_LISTENS, transport, from, deadline_ms);
    greeting->state = GREETING_READS;
}

/* Take message 1 and make message 2. */
static enum kith_error answer(struct greeting *greeting, const uint8_t *body, size_t len)
{
    const struct greeting_rules *rules = greeting->rules;
    struct handshake *handshake = &greeting->handshake;
    uint8_t ephemeral_secret[KEY_SIZE];
    enum kith_error error, admitted = OK;

    error = listener_hear(handshake, &rules->params, rules->signer, body, len, clock_wall_ms());
    if (error == OK)
        admitted =
            rules->admit(rules->admit_context, greeting->caller, handshake->peer, &greeting->peer);
    /* Of everybody: when a refusal comes is not to tell which keys are known. */
    if (error == OK)
        error = listener_verify(handshake);
    if (error == OK)
        error = admitted;
    if (error == OK && rules->heard != NULL)
        error = rules->heard(greeting->caller, handshake->peer, handshake->hello_digest);
    if (error == OK)
        error = crypto_random(ephemeral_secret, sizeof(ephemeral_secret));
    if (error == OK)
        error = listener_answer(handshake, ephemeral_secret, clock_wall_ms(), greeting->frame,
                                &greeting->frame_len);
    crypto_wipe(ephemeral_secret, sizeof(ephemeral_secret));
    return error;
}

/* Take message 2 and make message 3. */
static enum kith_error confirm(struct greeting *greeting, const uint8_t *body, size_t len)
{
    uint8_t frame[MESSAGE_3_FRAME_SIZE];
    enum kith_error error;

    greeting->answered_us = clock_now_us();
    greeting->answered_wall_ms = clock_wall_ms();
    error = dialer_confirm(&greeting->handshake, body, len, greeting->answered_wall_ms, frame,
                           &greeting->keys);
    if (error == OK) {
        memcpy(greeting->frame, frame, sizeof(frame));
        greeting->frame_len = sizeof(frame);
    }
    return error;
}

/* A frame of so many bytes has come: take it, and see what is next. */
static enum greeting_state take_message(struct greeting *greeting, size_t whole)
{
    const uint8_t *body = greeting->frame + FRAME_HEADER_SIZE;
    size_t len = whole - FRAME_HEADER_SIZE;
    bool more = greeting->frame_len > whole; /* though it is not yet the other side's turn */
    uint8_t message[MESSAGE_2_MAX];
    enum kith_error error;

    memcpy(message, body, len); /* the frame's place takes what we say next */
    greeting->frame_sent = 0;
    if (greeting->message == 1)
        error = answer(greeting, message, len);
    else if (greeting->message == 2)
        error = confirm(greeting, message, len);
    else
        error = listener_finish(&greeting->handshake, message, len, &greeting->keys);
    if (error == OK && more)
        error = ERR_HELLO_MALFORMED;
    if (error != OK)
        return fail(greeting, error);
    if (greeting->message == 3 || (greeting->message == 2 && greeting->check_only))
        greeting->state = GREETING_DONE;
    else
        greeting->state = GREETING_WRITES;
    greeting->message++;
    return greeting->state;
}

/* The largest body of the message that is awaited. */
static size_t body_limit(const struct greeting *greeting)
{
    static const size_t limits[] = {0, MESSAGE_1_MAX, MESSAGE_2_MAX, MESSAGE_3_SIZE};

    return limits[greeting->message];
}

/* How many bytes the frame under way has in all, as far as is known; 0 if its header is wrong. */
static size_t frame_size(struct greeting *greeting)
{
    size_t body = 0;

    if (greeting->frame_len < FRAME_HEADER_SIZE)
        return FRAME_HEADER_SIZE;
    greeting->error = wire_frame_length(greeting->frame, body_limit(greeting), &body);
    return greeting->error == OK ? FRAME_HEADER_SIZE + body : 0;
}

/* A connection that failed: before anything was said, it may never have been made (net/net.h). */
static enum greeting_state fail_connection(struct greeting *greeting, int system_errno)
{
    bool unreached =
        system_errno == ETIMEDOUT || system_errno == EHOSTUNREACH || system_errno == ENETUNREACH;

    if (system_errno == ECONNREFUSED)
        return fail(greeting, ERR_CONNECT_REFUSED);
    return fail(greeting, unreached ? ERR_CONNECT : ERR_HANDSHAKE_CUT);
}

/*
 * Messages 1 and 2 are read whole at once, since nothing may follow them before they are answered;
 * and message 3 as well, since there is only one size that it can have.
 */
static enum greeting_state receive(struct greeting *greeting)
{
    const size_t most = FRAME_HEADER_SIZE + body_limit(greeting);

    for (;;) {
        size_t whole = frame_size(greeting);
        ssize_t n;

        if (whole == 0)
            return fail(greeting, greeting->error);
        if (greeting->frame_len >= whole)
            return take_message(greeting, whole);
        n = transport_read(&greeting->transport, greeting->frame + greeting->frame_len,
                           most - greeting->frame_len);
        if (n > 0)
            greeting->frame_len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return GREETING_READS;
        else
            return fail_connection(greeting, n == 0 ? 0 : errno);
    }
}

static enum greeting_state transmit(struct greeting *greeting)
{
    while (greeting->frame_sent < greeting->frame_len) {
        ssize_t n = transport_write(&greeting->transport, greeting->frame + greeting->frame_sent,
                                    greeting->frame_len - greeting->frame_sent);

        if (n >= 0)
            greeting->frame_sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS)
            return greeting->state = GREETING_WRITES;
        else if (errno != EINTR)
            return fail_connection(greeting, errno);
    }
    if (greeting->message == 1)
        greeting->called_us = clock_now_us();
    greeting->state = greeting->message == 3 ? GREETING_DONE : GREETING_READS;
    greeting->message++;
    greeting->frame_len = 0;
    return greeting->state;
}

void greeting_dial(struct greeting *greeting, const struct greeting_rules *rules,
                   struct transport transport, const struct net_peer *to,
                   const uint8_t peer_key[static KEY_SIZE], int64_t deadline_ms)
{
    uint8_t ephemeral_secret[KEY_SIZE];
    enum kith_error error;

    begin(greeting, rules, GREETING_DIALS, transport, to, deadline_ms);
    error = crypto_random(ephemeral_secret, sizeof(ephemeral_secret));
    if (error == OK)
        error =
            dialer_hello(&greeting->handshake, &rules->params, rules->signer, peer_key,
                         ephemeral_secret, clock_wall_ms(), greeting->frame, &greeting->frame_len);
    crypto_wipe(ephemeral_secret, sizeof(ephemeral_secret));
    if (error != OK)
        (void)fail(greeting, error);
    else
        (void)transmit(greeting);
}

enum greeting_state greeting_step(struct greeting *greeting)
{
    enum greeting_state before;

    if (greeting->state >= GREETING_DONE)
        return greeting->state;
    if (clock_now_ms() >= greeting->deadline_ms)
        return fail(greeting, ERR_HANDSHAKE_TIMEOUT);
    do {
        before = greeting->state;
        if (before == GREETING_READS)
            (void)receive(greeting);
        else
            (void)transmit(greeting);
    } while (greeting->state != before && greeting->state < GREETING_DONE);
    return greeting->state;
}

struct pollfd greeting_wait(const struct greeting *greeting)
{
    if (greeting->state == GREETING_READS)
        return (struct pollfd){.fd = greeting->transport.in, .events = POLLIN};
    return (struct pollfd){.fd = greeting->transport.out, .events = POLLOUT};
}

enum kith_error greeting_finish(struct greeting *greeting)
{
    while (greeting_step(greeting) < GREETING_DONE) {
        struct pollfd wait = greeting_wait(greeting);

        if (poll(&wait, 1, clock_poll_timeout(greeting->deadline_ms)) < 0 && errno != EINTR)
            (void)fail(greeting, ERR_SYSTEM);
    }
    return greeting->error;
}
