/*
 * What the files of the serve command share: what it offers, to whom, and how that comes here.
 */
#ifndef KITH_SERVE_H
#define KITH_SERVE_H

#include <stdbool.h>

#include "base/error.h"
#include "calls/reception.h"
#include "command/offer.h"
#include "command/setup_daemon.h"
#include "daemon/acceptor.h"
#include "daemon/daemon.h"
#include "daemon/presence.h"
#include "daemon/reach.h"
#include "helpers/helper.h"
#include "peers/admission.h"

struct serve {
    struct setup setup;
    struct reload reload;
    struct helper launcher; /* of programs, where they are the target */
    struct address asked;   /* where we are to listen, as it was given */
    struct offer offer;
    struct admission admission;
    struct peers fresh;   /* of a reload that is under way */
    struct callee callee; /* with --call: whom, at the start; and by that reload */
    struct callee_again again;
    struct presence presence;
    struct holds holds;
    struct reception reception;
    struct reach reach;
    struct acceptor acceptor;
    struct daemon daemon;
    struct transport came; /* with --inetd: the channel that we were started with */
    struct endpoint from;  /* and who is at its other end */
};

/* Of the daemon, where peers call us, and where we call one (--call). */
extern const struct daemon_hooks serve_reception_hooks;
extern const struct daemon_hooks serve_call_hooks;

/* Of both. */
enum kith_error serve_begin(struct daemon *daemon);
enum stay serve_run(struct daemon *daemon, struct connection *connection);
void serve_take_again(struct daemon *daemon, bool good);

/* Begin to receive those who call, at the door that is open. */
must_check enum kith_error serve_reception_begin(struct serve *serve);

/* Whether we call (--call), and nobody calls us. */
bool serve_calls(const struct serve *serve);

/* The same for --call: begin it, and give it a name in the place of a door's. */
void serve_call_begin(struct serve *serve);
void serve_call_name(struct serve *serve);

/* Of the acceptor: a channel is over. */
void serve_call_over(void *context, const struct connection *connection, bool left);

/* A reload: have who is called now called there. */
void serve_call_move(struct serve *serve);

/* With --inetd: take the channel, after the setup has begun. What fails is logged, as in the next.
 */
must_check enum kith_error serve_inetd_take(struct serve *serve);

/* Welcome who is there, once callers are received. */
must_check enum kith_error serve_inetd_begin(struct serve *serve);

/* In each step: the daemon ends once the caller was turned away, or its channel is over. */
void serve_inetd_step(struct serve *serve);

/* How it went, which our exit status says. */
must_check enum kith_error serve_inetd_outcome(const struct serve *serve);

#endif
