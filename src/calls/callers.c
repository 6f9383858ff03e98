/*
 * Owns the callers of a listener, who gets a place and who is hung up on. Must never let those who
 * get nowhere be in the way of one who does, nor know what they have come for.
 */
#include "calls/callers.h"

#include "base/clock.h"

static struct caller *caller_of(struct place *place)
{
    return (struct caller *)(void *)place;
}

void callers_begin(struct callers *callers, const struct purpose *purpose, void *context,
                   size_t places, const char *what, const struct listeners *listeners)
{
    *callers = (struct callers){.purpose = purpose, .context = context};
    places_init(&callers->places, places);
    acceptance_begin(&callers->acceptance, what, listeners);
}

void callers_dismiss(struct callers *callers, struct caller *caller)
{
    places_leave(&callers->places, &caller->place);
    callers->purpose->end(caller);
}

/* It is to be closed, and why is said once. */
static void turn_away(struct callers *callers, struct caller *caller, enum kith_error why)
{
    if (caller->place.state == PLACE_REFUSED)
        return;
    callers->purpose->report(callers->context, caller, why);
    caller->place.state = PLACE_REFUSED;
}

void callers_refuse(struct callers *callers, struct caller *caller, enum kith_error why)
{
    turn_away(callers, caller, why);
    if (caller->close_ms <= clock_now_ms())
        callers_dismiss(callers, caller);
}

void callers_expel(struct callers *callers, struct place *victim)
{
    if (victim == NULL)
        return;
    turn_away(callers, caller_of(victim), ERR_EVICTED);
    caller_of(victim)->close_ms = 0;
}

/* The same, and its place is free at once: not while callers are walked through. */
static void evict(struct callers *callers, struct place *victim)
{
    callers_expel(callers, victim);
    if (victim != NULL)
        callers_dismiss(callers, caller_of(victim));
}

struct caller *callers_welcome(struct callers *callers, struct transport transport,
                               const struct endpoint *from)
{
    struct caller *caller = callers->purpose->begin(callers->context, transport, from);
    struct place *victim;
    enum kith_error error;

    if (caller == NULL) {
        transport_close(&transport);
        return NULL;
    }
    caller->at = POLL_SET_NONE;
    caller->place.source = endpoint_source(from);
    error = places_enter(&callers->places, &caller->place, clock_now_ms(), &victim);
    evict(callers, victim);
    if (error == OK)
        return caller;
    callers->purpose->report(callers->context, caller, error);
    callers->purpose->end(caller);
    return NULL;
}

int64_t callers_arm(struct callers *callers, struct poll_set *set)
{
    int64_t until_ms = acceptance_arm(&callers->acceptance, set);

    for (struct place *place = chain_first(&callers->places.taken); place != NULL;
         place = chain_after(&place->at)) {
        struct caller *caller = caller_of(place);
        struct pollfd wait = callers->purpose->wait(caller);
        bool refused = place->state == PLACE_REFUSED;

        caller->at = poll_set_add(set, refused ? -1 : wait.fd, wait.events);
        until_ms = clock_earlier(until_ms, refused ? caller->close_ms : caller->deadline_ms);
    }
    return until_ms;
}

/* Let those go on who can, or whose time is over; the oldest first. */
static struct caller *advance_all(struct callers *callers, const struct poll_set *set)
{
    int64_t now_ms = clock_now_ms();
    struct place *next;

    for (struct place *place = chain_first(&callers->places.taken);
         place != NULL && callers->work < callers->purpose->work_most; place = next) {
        struct caller *caller = caller_of(place);

        next = chain_after(&place->at);
        if (place->state == PLACE_REFUSED) {
            if (now_ms >= caller->close_ms)
                callers_dismiss(callers, caller);
        } else if (poll_set_is_ready(set, caller->at) || now_ms >= caller->deadline_ms) {
            caller->at = POLL_SET_NONE;
            if (callers->purpose->advance(callers->context, caller))
                return caller;
        }
    }
    return NULL;
}

/* A call that has come: it has mostly said its first word already. */
static struct caller *take_call(struct callers *callers, int fd, const struct endpoint *from)
{
    struct caller *caller = callers_welcome(callers, transport_socket(fd), from);

    return caller != NULL && callers->purpose->advance(callers->context, caller) ? caller : NULL;
}

/* Accept what waits, as long as there is room for it and time. */
static bool accept_calls(struct callers *callers, const struct poll_set *set,
                         struct caller **arrived)
{
    while (*arrived == NULL && callers->work < callers->purpose->work_most) {
        enum accepted accepted;
        struct endpoint from;
        int fd;

        if (!places_have_room(&callers->places, clock_now_ms())) {
            acceptance_pause(&callers->acceptance);
            break; /* the backlog holds them meanwhile */
        }
        accepted = acceptance_take(&callers->acceptance, set, &fd, &from);
        if (accepted == ACCEPTED_NO_ROOM)
            evict(callers, places_victim(&callers->places, clock_now_ms()));
        if (accepted != ACCEPTED)
            return accepted != ACCEPTED_NEVER;
        *arrived = take_call(callers, fd, &from);
    }
    return true;
}

bool callers_step(struct callers *callers, const struct poll_set *set, struct caller **arrived)
{
    callers->work = 0;
    *arrived = advance_all(callers, set);
    return *arrived != NULL || accept_calls(callers, set, arrived);
}

void callers_end(struct callers *callers, enum kith_error reason)
{
    struct place *place;

    while ((place = chain_first(&callers->places.taken)) != NULL) {
        if (reason != OK)
            turn_away(callers, caller_of(place), reason);
        callers_dismiss(callers, caller_of(place));
    }
}
