/*
 * Owns the handshakes of callers: who may have one, whom it was with and what is said of those who
 * have none. Must never tell a caller why it is refused, be it by the time that takes.
 */
#include "calls/reception.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "calls/proxy_protocol.h"
#include "calls/replay.h"

#define COMPUTED_MAX 4 /* answers and confirmations of one step, about a millisecond */
#define REFUSAL_MS 50  /* after its hello a caller is hung up on: all is looked at by then */

struct greeter {
    struct caller caller; /* first: a caller is its greeter */
    struct handshake_io io;
    struct reception *reception;
    struct admitted admitted;  /* once it is */
    struct proxy_input *proxy; /* while a PROXY header is awaited */
    size_t share;              /* that it found taken, of its source or its key */
};

static struct greeter *greeter_of(struct caller *caller)
{
    return (struct greeter *)(void *)caller;
}

/* What it could be joined to; NULL for a command that has no targets. */
static const struct targets *within_reach(const struct reception_terms *terms,
                                          enum channel_kind kind)
{
    return kind == KIND_PLAIN && terms->unnamed != NULL ? terms->unnamed : terms->targets;
}

/* Of the callers: it is over. */
static void end_greeter(struct caller *caller)
{
    struct greeter *greeter = greeter_of(caller);

    transport_close(&greeter->io.transport);
    handshake_io_wipe(&greeter->io);
    free(greeter->proxy);
    free(greeter);
}

/* Of the callers: it is turned away. */
static void report_refusal(void *context, struct caller *caller, enum kith_error why)
{
    struct reception *reception = context;
    const struct reception_terms *terms = &reception->terms;
    struct greeter *greeter = greeter_of(caller);
    struct handshake_io *io = &greeter->io;
    const struct refusal refusal = {
        .error = why,
        .most = why == ERR_CROWDED ? greeter->share : terms->most,
        .of_peer = terms->most_of_peer,
        .key = io->handshake.peer,
        .targets = within_reach(terms, io->kind),
    };
    char detail[REFUSALS_SAID_SIZE];

    io->error = why;
    refusals_add(terms->refusals, io, admission_name(terms->admission, io->handshake.peer),
                 refusals_say(detail, &refusal, terms->admission));
}

/* Its handshake has failed. */
static void refuse_greeter(struct reception *reception, struct greeter *greeter)
{
    if (greeter->io.error == ERR_HANDSHAKE_CUT)
        greeter->caller.close_ms = 0;
    callers_refuse(&reception->callers, &greeter->caller, greeter->io.error);
}

/* Whether whoever signs as this may call, and be one more. */
static enum kith_error admit_signer(void *context, void *who, const uint8_t signer[static KEY_SIZE],
                                    const struct endpoint *from, struct namespace *namespace)
{
    const struct reception *reception = context;
    const struct reception_terms *terms = &reception->terms;
    const struct secret_namespace *own = admission_namespace(terms->admission, signer);
    struct greeter *greeter = who;
    enum kith_error error =
        admission_check(terms->admission, signer, from, terms->targets, &greeter->admitted);

    if (own != NULL)
        *namespace = secret_namespace_view(own);
    if (error == OK && terms->allow != NULL)
        error = terms->allow(terms->context, signer);
    return error;
}

/* Whether one that wants a plain channel may have the target that those lead to. */
static enum kith_error admit_plain(const struct reception_terms *terms, struct greeter *greeter,
                                   const uint8_t signer[static KEY_SIZE])
{
    if (greeter->io.kind != KIND_PLAIN || terms->unnamed == NULL)
        return OK;
    if (terms->unnamed->count == 0)
        return ERR_NO_UNNAMED;
    return admission_check(terms->admission, signer, &greeter->io.peer, terms->unnamed,
                           &greeter->admitted);
}

/* Its hello is good, for once: somebody else may have recorded it. */
static enum kith_error heard(void *context, const uint8_t signer[static KEY_SIZE],
                             const uint8_t hello_digest[static HASH_SIZE])
{
    struct greeter *greeter = context;
    struct reception *reception = greeter->reception;
    struct places *places = &reception->callers.places;
    struct place *victim;
    enum kith_error error;

    if (!replay_enter(reception->replay, hello_digest))
        return ERR_REPLAY;
    error = admit_plain(&reception->terms, greeter, signer);
    if (error != OK)
        return error;
    greeter->share = places->most_of_key;
    error = places_hear(places, &greeter->caller.place, signer, clock_now_ms(), &victim);
    callers_expel(&reception->callers, victim);
    return error;
}

static void hand_over(struct reception *reception, struct greeter *greeter, struct guest *guest)
{
    guest->transport = greeter->io.transport;
    guest->keys = greeter->io.keys;
    guest->kind = greeter->io.kind;
    guest->from = greeter->io.peer;
    memcpy(guest->key, greeter->io.handshake.peer, KEY_SIZE);
    guest->admitted = greeter->admitted;
    greeter->io.transport = TRANSPORT_NONE;
    callers_dismiss(&reception->callers, &greeter->caller);
}

/*
 * Take what is here of a balancer's header, and not a byte beyond its end: a hello may be there.
 * False while it is not whole.
 */
static bool receive_header(struct greeter *greeter, enum kith_error *error)
{
    struct proxy_input *input = greeter->proxy;
    struct handshake_io *io = &greeter->io;
    size_t wanted;

    while ((*error = proxy_parse(input, &wanted, &io->peer)) == OK && wanted > 0) {
        ssize_t n = transport_read(&io->transport, input->bytes + input->len, wanted);

        if (n > 0) {
            input->len += (size_t)n;
        } else if (n < 0 && descriptor_would_wait(errno)) {
            return false;
        } else if (n == 0 || errno != EINTR) {
            *error = ERR_HANDSHAKE_CUT;
            return true;
        }
    }
    return true;
}

/* A balancer has said who calls, or is to say it yet: true in the first case. */
static bool has_introduced(struct reception *reception, struct greeter *greeter)
{
    struct handshake_io *io = &greeter->io;
    enum kith_error error = OK;
    struct place *victim = NULL;

    if (greeter->proxy == NULL)
        return true;
    if (!receive_header(greeter, &error)) {
        if (clock_now_ms() < io->deadline_ms)
            return false;
        error = ERR_HANDSHAKE_TIMEOUT;
    }
    free(greeter->proxy);
    greeter->proxy = NULL;
    if (error == OK)
        error = places_locate(&reception->callers.places, &greeter->caller.place,
                              endpoint_source(&io->peer), clock_now_ms(), &victim);
    callers_expel(&reception->callers, victim);
    if (error != OK)
        handshake_io_fail(io, error);
    return true;
}

/* Of the callers: let one go on. True if it is the guest. */
static bool advance_greeter(void *context, struct caller *caller)
{
    struct reception *reception = context;
    struct greeter *greeter = greeter_of(caller);
    unsigned before = greeter->io.message;
    enum handshake_io_state state;

    if (!has_introduced(reception, greeter))
        return false;
    state = handshake_io_step(&greeter->io);
    if (before == 1 && (state == HANDSHAKE_IO_FAILED || greeter->io.message != before))
        caller->close_ms = clock_deadline_ms(REFUSAL_MS);
    if (state == HANDSHAKE_IO_FAILED || greeter->io.message != before)
        reception->callers.work++;
    if (state == HANDSHAKE_IO_FAILED)
        refuse_greeter(reception, greeter);
    return state == HANDSHAKE_IO_DONE;
}

/* Of the callers: what it waits for. */
static struct pollfd await_greeter(const struct caller *caller)
{
    return handshake_io_wait(&((const struct greeter *)(const void *)caller)->io);
}

/* One that comes from a balancer says first for whom. */
static bool expects_introduction(const struct reception *reception, const struct endpoint *from)
{
    return reception->terms.proxies != NULL &&
           address_ranges_hold(reception->terms.proxies, (const struct sockaddr *)&from->address);
}

/* Of the callers: somebody has come, from a balancer perhaps: its source until it is introduced. */
static struct caller *begin_greeter(void *context, struct transport transport,
                                    const struct endpoint *from)
{
    struct reception *reception = context;
    struct greeter *greeter = calloc(1, sizeof(*greeter));
    bool introduced = expects_introduction(reception, from);

    if (greeter != NULL && introduced)
        greeter->proxy = calloc(1, sizeof(*greeter->proxy));
    if (greeter == NULL || (introduced && greeter->proxy == NULL)) {
        free(greeter);
        return NULL;
    }
    handshake_io_listen(&greeter->io, &reception->rules, transport, from,
                        clock_deadline_ms(reception->terms.timeout_ms));
    greeter->io.caller = greeter;
    greeter->caller.deadline_ms = greeter->io.deadline_ms;
    greeter->reception = reception;
    greeter->share = reception->callers.places.most_of_source;
    return &greeter->caller;
}

static const struct purpose handshakes = {
    .begin = begin_greeter,
    .wait = await_greeter,
    .advance = advance_greeter,
    .report = report_refusal,
    .end = end_greeter,
    .work_most = COMPUTED_MAX,
};

enum kith_error reception_begin(struct reception *reception, const struct reception_terms *terms)
{
    const struct handshake_params *params = &terms->rules->params;

    *reception = (struct reception){.terms = *terms, .rules = *terms->rules};
    reception->rules.admit = admit_signer;
    reception->rules.admit_context = reception;
    reception->rules.heard = heard;
    callers_begin(&reception->callers, &handshakes, reception, terms->places, terms->what,
                  terms->listeners);
    reception->replay =
        replay_make((int64_t)(params->max_handshake_age_ms + params->synchrony_bound_ms));
    if (reception->replay != NULL)
        return OK;
    return log_failure(LOG_ERROR, terms->what, terms->listeners->text, ERR_MEMORY, NULL, NULL);
}

size_t reception_count(const struct reception *reception)
{
    return reception->callers.places.taken.count;
}

bool reception_welcome(struct reception *reception, struct transport transport,
                       const struct endpoint *from)
{
    reception->terms.refusals->of_one = true;
    return callers_welcome(&reception->callers, transport, from) != NULL;
}

int64_t reception_arm(struct reception *reception, struct poll_set *set)
{
    return callers_arm(&reception->callers, set);
}

/* Whether it may come in, by what holds now: its hello was a while ago. */
static enum kith_error judge_guest(const struct reception *reception, struct guest *guest)
{
    const struct reception_terms *terms = &reception->terms;
    struct admitted admitted;
    enum kith_error error =
        admission_check_again(terms->admission, guest->key, &guest->from,
                              within_reach(terms, guest->kind), &guest->admitted.mark, &admitted);

    if (error == OK && terms->allow != NULL)
        error = terms->allow(terms->context, guest->key);
    if (error == OK)
        guest->admitted = admitted;
    return error;
}

enum reception_result reception_step(struct reception *reception, const struct poll_set *set,
                                     struct guest *guest)
{
    struct caller *arrived;
    enum kith_error error;

    for (;;) {
        if (!callers_step(&reception->callers, set, &arrived))
            return RECEPTION_FAILED;
        if (arrived == NULL)
            return RECEPTION_NOBODY;
        hand_over(reception, greeter_of(arrived), guest);
        error = judge_guest(reception, guest);
        if (error == OK)
            return RECEPTION_GUEST;
        reception_turn_away(reception, guest, error);
    }
}

void reception_turn_away(struct reception *reception, struct guest *guest, enum kith_error why)
{
    const struct reception_terms *terms = &reception->terms;
    const struct refusal refusal = {
        .error = why,
        .most = terms->most,
        .of_peer = terms->most_of_peer,
        .key = guest->key,
        .targets = within_reach(terms, guest->kind),
    };
    char detail[REFUSALS_SAID_SIZE];

    refusals_add_proven(terms->refusals, &guest->from, guest->admitted.name, guest->key, NULL, why,
                        refusals_say(detail, &refusal, terms->admission));
    terms->refusals->last = why;
    transport_close(&guest->transport);
    session_keys_wipe(&guest->keys);
}

void reception_end(struct reception *reception, enum kith_error reason)
{
    callers_end(&reception->callers, reason);
    replay_free(reception->replay);
    reception->replay = NULL;
}
