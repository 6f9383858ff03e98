/*
 * Owns the callers that have not proven yet who they are. Must never let them take more than their
 * places, nor tell them why they are refused, be it by the time that takes.
 */
#include "calls/reception.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "calls/proxy_protocol.h"
#include "calls/replay.h"

#define COMPUTED_MAX 4 /* answers and confirmations of one step, about a millisecond */
#define REFUSAL_MS 50  /* after its hello a caller is hung up on: all is looked at by then */

struct caller {
    struct place place; /* first: a place is its caller */
    struct handshake_io io;
    struct reception *reception;
    struct admitted admitted;  /* once it is */
    struct proxy_input *proxy; /* while a PROXY header is awaited */
    size_t share;              /* that it found taken, of its source or its key */
    size_t at;                 /* in the poll set */
    int64_t close_ms;          /* once it is refused */
};

static struct caller *caller_of(struct place *place)
{
    return (struct caller *)(void *)place;
}

/* What it could be joined to; NULL for a command that has no targets. */
static const struct targets *within_reach(const struct reception_terms *terms,
                                          const struct caller *caller)
{
    return caller->io.kind == KIND_PLAIN && terms->unnamed != NULL ? terms->unnamed
                                                                   : terms->targets;
}

/* Of one that has no place. */
static void hang_up(struct caller *caller)
{
    transport_close(&caller->io.transport);
    handshake_io_wipe(&caller->io);
    free(caller->proxy);
    free(caller);
}

static void dismiss(struct reception *reception, struct caller *caller)
{
    places_leave(&reception->places, &caller->place);
    hang_up(caller);
}

static void report_refusal(struct reception *reception, const struct caller *caller)
{
    const struct reception_terms *terms = &reception->terms;
    const struct handshake_io *io = &caller->io;
    const struct refusal refusal = {
        .error = io->error,
        .most = io->error == ERR_CROWDED ? caller->share : terms->most,
        .of_peer = terms->most_of_peer,
        .key = io->handshake.peer,
        .targets = within_reach(terms, caller),
    };
    char detail[REFUSALS_SAID_SIZE];

    refusals_add(terms->refusals, io, admission_name(terms->admission, io->handshake.peer),
                 refusals_say(detail, &refusal, terms->admission));
}

/* Its handshake has failed: it keeps its place until it is hung up on, or somebody needs that. */
static void refuse_caller(struct reception *reception, struct caller *caller)
{
    bool cut = caller->io.error == ERR_HANDSHAKE_CUT;

    report_refusal(reception, caller);
    handshake_io_wipe(&caller->io);
    caller->place.state = PLACE_REFUSED;
    if (cut || caller->close_ms <= clock_now_ms())
        dismiss(reception, caller);
}

/* It has to give way to another one, or NULL: it is hung up on at the next occasion. */
static void expel(struct reception *reception, struct place *victim)
{
    struct caller *caller;

    if (victim == NULL)
        return;
    caller = caller_of(victim);
    if (victim->state != PLACE_REFUSED) {
        caller->io.error = ERR_EVICTED;
        report_refusal(reception, caller);
        victim->state = PLACE_REFUSED;
    }
    caller->close_ms = 0;
}

/* The same, and its place is free at once: not while callers are walked through. */
static void evict(struct reception *reception, struct place *victim)
{
    expel(reception, victim);
    if (victim != NULL)
        dismiss(reception, caller_of(victim));
}

/* Whether whoever signs as this may call, and be one more. */
static enum kith_error admit_signer(void *context, void *who, const uint8_t signer[static KEY_SIZE],
                                    const struct endpoint *from, struct namespace *namespace)
{
    const struct reception *reception = context;
    const struct reception_terms *terms = &reception->terms;
    const struct secret_namespace *own = admission_namespace(terms->admission, signer);
    struct caller *caller = who;
    enum kith_error error =
        admission_check(terms->admission, signer, from, terms->targets, &caller->admitted);

    if (own != NULL)
        *namespace = secret_namespace_view(own);
    if (error == OK && terms->allow != NULL)
        error = terms->allow(terms->context, signer);
    return error;
}

/* Whether one that wants a plain channel may have the target that those lead to. */
static enum kith_error admit_plain(const struct reception_terms *terms, struct caller *caller,
                                   const uint8_t signer[static KEY_SIZE])
{
    if (caller->io.kind != KIND_PLAIN || terms->unnamed == NULL)
        return OK;
    if (terms->unnamed->count == 0)
        return ERR_NO_UNNAMED;
    return admission_check(terms->admission, signer, &caller->io.peer, terms->unnamed,
                           &caller->admitted);
}

/* Its hello is good, for once: somebody else may have recorded it. */
static enum kith_error heard(void *context, const uint8_t signer[static KEY_SIZE],
                             const uint8_t hello_digest[static HASH_SIZE])
{
    struct caller *caller = context;
    struct reception *reception = caller->reception;
    struct place *victim;
    enum kith_error error;

    if (!replay_enter(reception->replay, hello_digest))
        return ERR_REPLAY;
    error = admit_plain(&reception->terms, caller, signer);
    if (error != OK)
        return error;
    caller->share = reception->places.most_of_key;
    error = places_hear(&reception->places, &caller->place, signer, clock_now_ms(), &victim);
    expel(reception, victim);
    return error;
}

enum kith_error reception_begin(struct reception *reception, const struct reception_terms *terms)
{
    const struct handshake_params *params = &terms->rules->params;

    *reception = (struct reception){.terms = *terms, .rules = *terms->rules};
    reception->rules.admit = admit_signer;
    reception->rules.admit_context = reception;
    reception->rules.heard = heard;
    places_init(&reception->places, terms->places);
    acceptance_begin(&reception->acceptance, terms->what, terms->listeners);
    reception->replay =
        replay_make((int64_t)(params->max_handshake_age_ms + params->synchrony_bound_ms));
    if (reception->replay != NULL)
        return OK;
    return log_failure(LOG_ERROR, terms->what, terms->listeners->text, ERR_MEMORY, NULL, NULL);
}

size_t reception_count(const struct reception *reception)
{
    return reception->places.taken.count;
}

int64_t reception_arm(struct reception *reception, struct poll_set *set)
{
    int64_t until_ms = acceptance_arm(&reception->acceptance, set);

    for (struct place *place = chain_first(&reception->places.taken); place != NULL;
         place = chain_after(&place->at)) {
        struct caller *caller = caller_of(place);
        struct pollfd wait = handshake_io_wait(&caller->io);
        bool refused = place->state == PLACE_REFUSED;
        int64_t due_ms = refused ? caller->close_ms : caller->io.deadline_ms;

        caller->at = poll_set_add(set, refused ? -1 : wait.fd, wait.events);
        if (due_ms < until_ms)
            until_ms = due_ms;
    }
    return until_ms;
}

static void hand_over(struct reception *reception, struct caller *caller, struct guest *guest)
{
    guest->transport = caller->io.transport;
    guest->keys = caller->io.keys;
    guest->kind = caller->io.kind;
    guest->from = caller->io.peer;
    memcpy(guest->key, caller->io.handshake.peer, KEY_SIZE);
    guest->admitted = caller->admitted;
    caller->io.transport = TRANSPORT_NONE;
    dismiss(reception, caller);
}

/*
 * Take what is here of a balancer's header, and not a byte beyond its end: a hello may be there.
 * False while it is not whole.
 */
static bool receive_header(struct caller *caller, enum kith_error *error)
{
    struct proxy_input *input = caller->proxy;
    struct handshake_io *io = &caller->io;
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
static bool has_introduced(struct reception *reception, struct caller *caller)
{
    struct handshake_io *io = &caller->io;
    enum kith_error error = OK;
    struct place *victim = NULL;

    if (caller->proxy == NULL)
        return true;
    if (!receive_header(caller, &error)) {
        if (clock_now_ms() < io->deadline_ms)
            return false;
        error = ERR_HANDSHAKE_TIMEOUT;
    }
    free(caller->proxy);
    caller->proxy = NULL;
    if (error == OK)
        error = places_locate(&reception->places, &caller->place, endpoint_source(&io->peer),
                              clock_now_ms(), &victim);
    expel(reception, victim);
    if (error != OK)
        handshake_io_fail(io, error);
    return true;
}

/* Let one go on. True if it is the guest; in any other case it may be gone. */
static bool advance_caller(struct reception *reception, struct caller *caller, struct guest *guest)
{
    unsigned before = caller->io.message;
    enum handshake_io_state state;

    if (!has_introduced(reception, caller))
        return false;
    state = handshake_io_step(&caller->io);
    if (before == 1 && (state == HANDSHAKE_IO_FAILED || caller->io.message != before))
        caller->close_ms = clock_deadline_ms(REFUSAL_MS);
    if (state == HANDSHAKE_IO_FAILED || caller->io.message != before)
        reception->computed++;
    if (state == HANDSHAKE_IO_FAILED)
        refuse_caller(reception, caller);
    if (state != HANDSHAKE_IO_DONE)
        return false;
    hand_over(reception, caller, guest);
    return true;
}

/* One that comes from a balancer says first for whom. */
static bool expects_introduction(const struct reception *reception, const struct endpoint *from)
{
    return reception->terms.proxies != NULL &&
           address_ranges_hold(reception->terms.proxies, (const struct sockaddr *)&from->address);
}

static struct caller *make_caller(struct reception *reception, struct transport transport,
                                  const struct endpoint *from)
{
    struct caller *caller = calloc(1, sizeof(*caller));
    bool introduced = expects_introduction(reception, from);

    if (caller != NULL && introduced)
        caller->proxy = calloc(1, sizeof(*caller->proxy));
    if (caller == NULL || (introduced && caller->proxy == NULL)) {
        free(caller);
        return NULL;
    }
    handshake_io_listen(&caller->io, &reception->rules, transport, from,
                        clock_deadline_ms(reception->terms.timeout_ms));
    caller->io.caller = caller;
    caller->reception = reception;
    caller->at = POLL_SET_NONE;
    caller->place.source = endpoint_source(from); /* the balancer's, until it has introduced it */
    return caller;
}

/* A call that has come: it has mostly said its hello already. */
static bool welcome_call(struct reception *reception, int fd, const struct endpoint *from,
                         struct guest *guest)
{
    struct caller *caller = make_caller(reception, transport_socket(fd), from);
    struct place *victim;
    enum kith_error error;

    if (caller == NULL) {
        (void)close(fd);
        return false;
    }
    caller->share = reception->places.most_of_source;
    error = places_enter(&reception->places, &caller->place, clock_now_ms(), &victim);
    evict(reception, victim);
    if (error == OK)
        return advance_caller(reception, caller, guest);
    caller->io.error = error;
    report_refusal(reception, caller);
    hang_up(caller);
    return false;
}

bool reception_welcome(struct reception *reception, struct transport transport,
                       const struct endpoint *from)
{
    struct caller *caller = make_caller(reception, transport, from);
    struct place *victim;

    reception->terms.refusals->of_one = true;
    if (caller == NULL) {
        transport_close(&transport);
        return false;
    }
    if (places_enter(&reception->places, &caller->place, clock_now_ms(), &victim) == OK)
        return true; /* as always where nobody else is */
    hang_up(caller);
    return false;
}

/* Accept what waits, as long as there is room for it and time. */
static enum reception_result accept_calls(struct reception *reception, const struct poll_set *set,
                                          struct guest *guest)
{
    while (reception->computed < COMPUTED_MAX) {
        enum accepted accepted;
        struct endpoint from;
        int fd;

        if (!places_have_room(&reception->places, clock_now_ms())) {
            acceptance_pause(&reception->acceptance);
            break; /* the backlog holds them meanwhile */
        }
        accepted = acceptance_take(&reception->acceptance, set, &fd, &from);
        if (accepted == ACCEPTED_NO_ROOM)
            evict(reception, places_victim(&reception->places, clock_now_ms()));
        if (accepted == ACCEPTED_NEVER)
            return RECEPTION_FAILED;
        if (accepted != ACCEPTED)
            break;
        if (welcome_call(reception, fd, &from, guest))
            return RECEPTION_GUEST;
    }
    return RECEPTION_NOBODY;
}

/* Let callers go on who can, or whose time is over; the oldest first. */
static bool step_callers(struct reception *reception, const struct poll_set *set,
                         struct guest *guest)
{
    int64_t now_ms = clock_now_ms();
    struct place *next;

    for (struct place *place = chain_first(&reception->places.taken);
         place != NULL && reception->computed < COMPUTED_MAX; place = next) {
        struct caller *caller = caller_of(place);

        next = chain_after(&place->at);
        if (place->state == PLACE_REFUSED) {
            if (now_ms >= caller->close_ms)
                dismiss(reception, caller);
        } else if (poll_set_is_ready(set, caller->at) || now_ms >= caller->io.deadline_ms) {
            caller->at = POLL_SET_NONE;
            if (advance_caller(reception, caller, guest))
                return true;
        }
    }
    return false;
}

enum reception_result reception_step(struct reception *reception, const struct poll_set *set,
                                     struct guest *guest)
{
    reception->computed = 0;
    if (step_callers(reception, set, guest))
        return RECEPTION_GUEST;
    return accept_calls(reception, set, guest);
}

void reception_end(struct reception *reception, enum kith_error reason)
{
    struct place *place;

    while ((place = chain_first(&reception->places.taken)) != NULL) {
        struct caller *caller = caller_of(place);

        if (reason != OK && caller->place.state != PLACE_REFUSED) {
            caller->io.error = reason;
            report_refusal(reception, caller);
        }
        dismiss(reception, caller);
    }
    replay_free(reception->replay);
    reception->replay = NULL;
}
