/*
 * What the files of the forward command share: its routes, those who call for --accept, and the
 * program of --run that the routes are there for.
 */
#ifndef KITH_FORWARD_H
#define KITH_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "calls/reception.h"
#include "command/options.h"
#include "command/setup_daemon.h"
#include "daemon/daemon.h"
#include "daemon/exchange.h"
#include "daemon/route.h"
#include "helpers/runner.h"
#include "net/poll_set.h"
#include "peers/admission.h"

struct forward {
    struct setup setup;
    struct reload reload;
    const char *peers[FORWARDS_MAX];     /* each PEER, as it was given */
    struct callee callees[FORWARDS_MAX]; /* who that was at the start */
    struct route routes[FORWARDS_MAX];
    size_t count;
    size_t turn;      /* the route that takes connections first */
    size_t kept_each; /* channels, with nothing to do, at most; and of all LOCALs */
    size_t kept;
    struct address accept;                   /* where callers are waited for; with --accept */
    struct callee_again again[FORWARDS_MAX]; /* of a reload that is under way */
    struct admission admission;              /* with --accept: of those who call */
    struct peers fresh;                      /* and of that reload */
    struct reception reception;
    struct exchange exchange;
    struct runner runner; /* of the program of --run, or none */
    size_t runner_at;     /* in the poll set */
    bool was_asked;       /* to begin the program */
    int64_t settle_ms;    /* once it has ended: until when its connections may get a channel */
    struct daemon daemon;
};

/* Whether those who are at the far end call us (--accept); their door is the first. */
bool forward_is_called(const struct forward *forward);

/* Where the LOCAL of a place listens: after who calls. */
struct listeners *forward_door(struct forward *forward, size_t place);

/* Say where those are waited for, and on a terminal what they type. */
void forward_accept_announce(const struct forward *forward);

/* Begin to receive those who call. */
must_check enum kith_error forward_accept_begin(struct forward *forward);

/* Put what is waited for into the set, before the routes do. When it is to be stepped. */
int64_t forward_accept_arm(struct forward *forward, struct poll_set *set);

/* After poll, before the routes: see to those who call. False with errno if nobody ever can. */
bool forward_accept_step(struct forward *forward, const struct poll_set *set);

/* A reload: who may no longer call has no channel from here on. */
void forward_accept_judge(struct forward *forward);

/* Nobody is received any more. */
void forward_accept_end(struct forward *forward);

/* Have ready what starts the program, before this process is confined. What fails is logged. */
must_check enum kith_error forward_program_prepare(struct forward *forward, char *const *argv);

/* Of the daemon: begin it, if there is one; and whether a signal is the program's, and goes there.
 */
void forward_program_begin(struct daemon *daemon);
bool forward_program_heeds(struct daemon *daemon, int number);

bool forward_program_has_ended(const struct forward *forward);

/* Put what is waited for into the set. Returns when it is to be stepped at the latest. */
int64_t forward_program_arm(struct forward *forward, struct poll_set *set);

/* After poll, once all who came before are accepted: see to it, and to its end. */
void forward_program_step(struct forward *forward, const struct poll_set *set);

/* How we end, with a program or without. */
enum kith_error forward_program_outcome(const struct forward *forward, enum kith_error error);

#endif
