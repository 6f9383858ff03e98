/*
 * Owns the carrying of handshake messages over a transport, and the asking for what has to be
 * signed. Must never read a byte of what follows message 3 (it belongs to the channel), never say
 * anything after a refusal, and never wait for the keeper but by poll.
 */
#include "calls/handshake_io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "calls/frame_in.h"

static void begin_io(struct handshake_io *io, const struct handshake_rules *rules,
                     enum handshake_io_role role, struct transport transport,
                     const struct endpoint *peer, int64_t deadline_ms)
{
    memset(io, 0, sizeof(*io));
    io->rules = rules;
    io->role = role;
    io->transport = transport;
    io->peer = *peer;
    io->deadline_ms = deadline_ms;
    io->message = 1;
}

/* Who no longer wants the answer closes the pipe. */
static void stop_asking(struct handshake_io *io)
{
    if (io->state == HANDSHAKE_IO_ASKS && io->answer_fd >= 0)
        (void)close(io->answer_fd);
    io->answer_fd = -1;
}

static enum handshake_io_state fail_io(struct handshake_io *io, enum kith_error error)
{
    stop_asking(io);
    io->error = error;
    io->state = HANDSHAKE_IO_FAILED;
    handshake_io_wipe(io);
    return io->state;
}

void handshake_io_wipe(struct handshake_io *io)
{
    stop_asking(io);
    handshake_wipe(&io->handshake);
    session_keys_wipe(&io->keys);
}

void handshake_io_fail(struct handshake_io *io, enum kith_error error)
{
    (void)fail_io(io, error);
}

void handshake_io_listen(struct handshake_io *io, const struct handshake_rules *rules,
                         struct transport transport, const struct endpoint *from,
                         int64_t deadline_ms)
{
    begin_io(io, rules, HANDSHAKE_IO_LISTENS, transport, from, deadline_ms);
    io->state = HANDSHAKE_IO_READS;
}

/* Ask for the signature; a line that is full is waited for, as the answer is. */
static enum handshake_io_state ask_signature(struct handshake_io *io)
{
    io->state = HANDSHAKE_IO_ASKS;
    io->answer_fd = keeper_ask_to_sign(io->rules->keeper, io->kind, io->info, io->info_len);
    if (io->answer_fd < 0 && descriptor_is_lacking(errno))
        (void)fail_io(io, ERR_FEW_DESCRIPTORS);
    else if (io->answer_fd < 0 && !descriptor_would_wait(errno))
        (void)fail_io(io, ERR_KEEPER);
    return io->state;
}

/* Take the signature, and make the message of it. */
static enum handshake_io_state take_signature(struct handshake_io *io)
{
    uint8_t signature[SIGNATURE_SIZE];
    enum kith_error error;

    if (io->answer_fd < 0)
        return ask_signature(io);
    if (!keeper_answers(io->answer_fd, &error, signature))
        return io->state;
    stop_asking(io);
    if (error != OK)
        return fail_io(io, error);
    if (io->role == HANDSHAKE_IO_DIALS)
        error = dialer_signed(&io->handshake, signature, io->frame, &io->frame_len);
    else
        error = listener_signed(&io->handshake, signature, io->frame, &io->frame_len);
    if (error != OK)
        return fail_io(io, error);
    return io->state = HANDSHAKE_IO_WRITES;
}

/* Whether this kind of channel may be called for. */
static bool is_taken(const struct handshake_rules *rules, enum channel_kind kind)
{
    return (rules->listens & KIND_SET(kind)) != 0;
}

/* All kinds of channels, first those that may be called for. */
static void order_kinds(enum channel_kind kinds[static KINDS], const struct handshake_rules *rules)
{
    size_t count = 0;

    for (enum channel_kind kind = KIND_PLAIN; kind < KINDS; kind++)
        if (is_taken(rules, kind))
            kinds[count++] = kind;
    for (enum channel_kind kind = KIND_PLAIN; kind < KINDS; kind++)
        if (!is_taken(rules, kind))
            kinds[count++] = kind;
}

/*
 * Verify the hello under each kind of channel, whoever has signed it: when a refusal comes is not
 * to tell which keys are known, or have a namespace of their own, and the reason that is said here
 * is to be the true one. So it is verified under one base, as often for everybody.
 */
static enum kith_error verify(struct handshake_io *io, const struct namespace *base)
{
    struct kind_namespace made[KINDS];
    struct namespace namespaces[KINDS];
    enum channel_kind kinds[KINDS];
    size_t fits = 0;
    enum kith_error error;

    order_kinds(kinds, io->rules);
    for (size_t i = 0; i < KINDS; i++) {
        kind_namespace(&made[i], base, kinds[i]);
        namespaces[i] = (struct namespace){made[i].bytes, made[i].len};
    }
    error = listener_verify(&io->handshake, namespaces, KINDS, &fits);
    crypto_wipe(made, sizeof(made));
    if (error != OK)
        return error;
    io->kind = kinds[fits];
    return io->kind != KIND_PLAIN && io->handshake.heard.info.has_tag ? ERR_HELLO_MALFORMED : OK;
}

/* Take message 1 and make what has to be signed for message 2. */
static enum kith_error answer_hello(struct handshake_io *io, const uint8_t *body, size_t len)
{
    const struct handshake_rules *rules = io->rules;
    struct handshake *handshake = &io->handshake;
    struct namespace namespace = rules->namespace;
    uint8_t ephemeral_secret[KEY_SIZE];
    enum kith_error error, admitted = OK;

    error = listener_hear(handshake, &rules->params, rules->keeper->public_key, body, len,
                          clock_wall_ms());
    if (error == OK)
        admitted =
            rules->admit(rules->admit_context, io->caller, handshake->peer, &io->peer, &namespace);
    if (error == OK)
        error = verify(io, &namespace);
    if (error == OK)
        error = admitted;
    if (error == OK && !is_taken(rules, io->kind))
        error = ERR_KIND;
    if (error == OK && rules->heard != NULL)
        error = rules->heard(io->caller, handshake->peer, handshake->hello_digest);
    if (error == OK)
        error = crypto_random(ephemeral_secret, sizeof(ephemeral_secret));
    if (error == OK)
        error =
            listener_answer(handshake, ephemeral_secret, clock_wall_ms(), io->info, &io->info_len);
    crypto_wipe(ephemeral_secret, sizeof(ephemeral_secret));
    return error;
}

/* Take message 2 and make message 3. */
static enum kith_error confirm(struct handshake_io *io, const uint8_t *body, size_t len)
{
    uint8_t frame[MESSAGE_3_FRAME_SIZE];
    enum kith_error error;

    io->answered_us = clock_now_us();
    io->answered_wall_ms = clock_wall_ms();
    error = dialer_confirm(&io->handshake, body, len, io->answered_wall_ms, frame, &io->keys);
    if (error == OK) {
        memcpy(io->frame, frame, sizeof(frame));
        io->frame_len = sizeof(frame);
    }
    return error;
}

/* A frame of the given length has come: take it, and see what is next. */
static enum handshake_io_state take_message(struct handshake_io *io, size_t whole)
{
    const uint8_t *body = io->frame + FRAME_HEADER_SIZE;
    size_t len = whole - FRAME_HEADER_SIZE;
    bool more = io->frame_len > whole; /* though it is not yet the other side's turn */
    uint8_t message[MESSAGE_2_MAX];
    enum kith_error error;

    memcpy(message, body, len); /* the frame's place takes what we say next */
    io->frame_sent = 0;
    if (io->message == 1)
        error = answer_hello(io, message, len);
    else if (io->message == 2)
        error = confirm(io, message, len);
    else
        error = listener_finish(&io->handshake, message, len, &io->keys);
    if (error == OK && more)
        error = ERR_HELLO_MALFORMED;
    if (error != OK)
        return fail_io(io, error);
    if (io->message++ == 1)
        return ask_signature(io);
    io->state = io->message == 4 || io->check_only ? HANDSHAKE_IO_DONE : HANDSHAKE_IO_WRITES;
    return io->state;
}

/* The largest body of the message that is awaited. */
static size_t body_limit(const struct handshake_io *io)
{
    static const size_t limits[] = {0, MESSAGE_1_MAX, MESSAGE_2_MAX, MESSAGE_3_SIZE};

    return limits[io->message];
}

/* A connection that failed: before anything was said, it may never have been made (first_with_syn).
 */
static enum handshake_io_state fail_connection(struct handshake_io *io, int system_errno)
{
    bool unreached =
        system_errno == ETIMEDOUT || system_errno == EHOSTUNREACH || system_errno == ENETUNREACH;

    if (system_errno == ECONNREFUSED)
        return fail_io(io, ERR_CONNECT_REFUSED);
    return fail_io(io, unreached ? ERR_CONNECT : ERR_HANDSHAKE_CUT);
}

/*
 * Messages 1 and 2 are read whole at once, since nothing may follow them before they are answered;
 * and message 3 as well, since there is only one size that it can have.
 */
static enum handshake_io_state receive(struct handshake_io *io)
{
    size_t whole;
    enum kith_error error = frame_take(&io->transport, FRAME_AND_MORE, body_limit(io), io->frame,
                                       &io->frame_len, &whole);

    if (error == ERR_HANDSHAKE_CUT)
        return fail_connection(io, errno);
    if (error != OK)
        return fail_io(io, error);
    return whole > 0 ? take_message(io, whole) : HANDSHAKE_IO_READS;
}

static enum handshake_io_state transmit(struct handshake_io *io)
{
    while (io->frame_sent < io->frame_len) {
        ssize_t n;

        if (io->message == 1 && io->frame_sent == 0) /* once it is sent, the answer may come */
            io->called_us = clock_now_us();
        n = transport_write(&io->transport, io->frame + io->frame_sent,
                            io->frame_len - io->frame_sent);
        if (n >= 0)
            io->frame_sent += (size_t)n;
        else if (descriptor_would_wait(errno) || errno == EINPROGRESS)
            return io->state = HANDSHAKE_IO_WRITES;
        else if (errno != EINTR)
            return fail_connection(io, errno);
    }
    io->state = io->message == 3 ? HANDSHAKE_IO_DONE : HANDSHAKE_IO_READS;
    io->message++;
    io->frame_len = 0;
    return io->state;
}

void handshake_io_dial(struct handshake_io *io, const struct handshake_rules *rules,
                       const struct handshake_callee *callee, struct transport transport,
                       const struct endpoint *to, int64_t deadline_ms)
{
    const struct namespace base =
        callee->own != NULL ? secret_namespace_view(callee->own) : rules->namespace;
    uint8_t ephemeral_secret[KEY_SIZE];
    struct kind_namespace namespace;
    enum kith_error error;

    begin_io(io, rules, HANDSHAKE_IO_DIALS, transport, to, deadline_ms);
    io->kind = callee->kind;
    kind_namespace(&namespace, &base, callee->kind);
    error = crypto_random(ephemeral_secret, sizeof(ephemeral_secret));
    if (error == OK)
        error = dialer_hello(&io->handshake, &rules->params,
                             &(struct namespace){namespace.bytes, namespace.len},
                             rules->keeper->public_key, callee->key, ephemeral_secret,
                             clock_wall_ms(), io->info, &io->info_len);
    crypto_wipe(ephemeral_secret, sizeof(ephemeral_secret));
    crypto_wipe(&namespace, sizeof(namespace));
    if (error != OK)
        (void)fail_io(io, error);
    else
        (void)ask_signature(io);
}

struct pollfd handshake_io_wait(const struct handshake_io *io)
{
    if (io->state == HANDSHAKE_IO_READS)
        return (struct pollfd){.fd = io->transport.in, .events = POLLIN};
    if (io->state != HANDSHAKE_IO_ASKS)
        return (struct pollfd){.fd = io->transport.out, .events = POLLOUT};
    if (io->answer_fd >= 0)
        return (struct pollfd){.fd = io->answer_fd, .events = POLLIN};
    return (struct pollfd){.fd = io->rules->keeper->helper.line, .events = POLLOUT};
}

/* Time is over for whoever it is that was waited for. */
static enum handshake_io_state give_up(struct handshake_io *io)
{
    return fail_io(io, io->state == HANDSHAKE_IO_ASKS ? ERR_KEEPER_SILENT : ERR_HANDSHAKE_TIMEOUT);
}

/* Do what is next; what was just asked for is not here yet. */
static bool advance_io(struct handshake_io *io)
{
    enum handshake_io_state before = io->state;

    if (before == HANDSHAKE_IO_READS)
        (void)receive(io);
    else if (before == HANDSHAKE_IO_WRITES)
        (void)transmit(io);
    else
        (void)take_signature(io);
    return io->state != before && io->state < HANDSHAKE_IO_ASKS;
}

enum handshake_io_state handshake_io_step(struct handshake_io *io)
{
    if (io->state >= HANDSHAKE_IO_DONE)
        return io->state;
    if (clock_now_ms() >= io->deadline_ms)
        return give_up(io);
    while (advance_io(io))
        continue;
    return io->state;
}

enum kith_error handshake_io_finish(struct handshake_io *io)
{
    if (io->state != HANDSHAKE_IO_ASKS) /* what was just asked for is not here yet */
        (void)handshake_io_step(io);
    while (io->state < HANDSHAKE_IO_DONE) {
        struct pollfd wait = handshake_io_wait(io);

        if (!descriptor_await(wait.fd, wait.events, io->deadline_ms) && errno != ETIMEDOUT)
            (void)fail_io(io, ERR_SYSTEM);
        else
            (void)handshake_io_step(io);
    }
    return io->error;
}
