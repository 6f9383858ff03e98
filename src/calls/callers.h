/*
 * Callers who have proven nothing yet, whatever they have come for: from accept until one of them
 * gets there, or is turned away. One thread, no locks of its own; a party of somebody else's poll.
 */
#ifndef KITH_CALLERS_H
#define KITH_CALLERS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "calls/places.h"
#include "net/acceptance.h"
#include "net/endpoint.h"
#include "net/listen.h"
#include "net/poll_set.h"
#include "net/transport.h"

/* One of them, at the start of what its purpose knows of it. */
struct caller {
    struct place place;  /* first: a place is its caller */
    int64_t deadline_ms; /* when it goes on in any case */
    int64_t close_ms;    /* once it is refused; 0 for at once */
    size_t at;           /* in the poll set; the purpose leaves it alone */
};

/* What callers have come for: how each gets there, or does not. */
struct purpose {
    /* One begins, with a deadline: the transport is its own then. NULL: there is no memory for it,
     * and the transport is not. */
    struct caller *(*begin)(void *context, struct transport transport, const struct endpoint *from);

    /* What it waits for, as poll takes it. */
    struct pollfd (*wait)(const struct caller *caller);

    /* Go on as far as it can; callers_refuse if it gets nowhere. Whether it has got there. */
    bool (*advance)(void *context, struct caller *caller);

    /* Say why it is turned away. */
    void (*report)(void *context, struct caller *caller, enum kith_error why);

    /* It is over: close and free all that it has. */
    void (*end)(struct caller *caller);

    unsigned work_most; /* in one step, as the purpose counts it */
};

struct callers {
    const struct purpose *purpose;
    void *context; /* the purpose's */
    struct places places;
    struct acceptance acceptance;
    unsigned work; /* in this step; the purpose counts it */
};

/* Begin, with so many places; nothing is accepted before the first step. what is for the logs. */
void callers_begin(struct callers *callers, const struct purpose *purpose, void *context,
                   size_t places, const char *what, const struct listeners *listeners);

/*
 * Let one in that has just come. NULL if it has no place or there is no memory for it; the
 * transport is taken in any case.
 */
struct caller *callers_welcome(struct callers *callers, struct transport transport,
                               const struct endpoint *from);

/* Put listeners and callers into the set. Returns when it wants to be stepped at the latest. */
int64_t callers_arm(struct callers *callers, struct poll_set *set);

/*
 * After poll: go on with all that is ready, as far as the purpose's work_most allows; the rest is
 * for the next round. *arrived is one that has got there, to whom callers_dismiss is due, or NULL.
 * False with errno: no call can be accepted, ever.
 */
bool callers_step(struct callers *callers, const struct poll_set *set, struct caller **arrived);

/* For the purpose: one gets nowhere. It keeps its place until its close_ms, and may be gone. */
void callers_refuse(struct callers *callers, struct caller *caller, enum kith_error why);

/* For the purpose: this one, or NULL, has to give way; it is hung up on at the next occasion. */
void callers_expel(struct callers *callers, struct place *victim);

/* One has no place any more, and is over. */
void callers_dismiss(struct callers *callers, struct caller *caller);

/* Turn all away; said for the reason that is given, unless that is OK. */
void callers_end(struct callers *callers, enum kith_error reason);

#endif
