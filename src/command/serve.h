/*
 * What the files of the serve command share: what it offers, to whom, and how that comes here.
 */
#ifndef KITH_SERVE_H
#define KITH_SERVE_H

#include <stdbool.h>

#include "base/error.h"
#include "calls/reception.h"
#include "command/offer.h"
#include "command/setup.h"
#include "daemon/acceptor.h"
#include "daemon/daemon.h"
#include "daemon/reach.h"
#include "helpers/helper.h"
#include "net/poll_set.h"
#include "peers/admission.h"

struct serve {
    struct setup setup;
    struct helper launcher; /* of programs, where they are the target */
    struct address asked;   /* where we are to listen, as it was given */
    struct offer offer;
    struct admission admission;
    struct peers fresh; /* of a reload that is under way */
    struct reception reception;
    struct reach reach;
    struct acceptor acceptor;
    struct daemon daemon;
};

/* Begin to receive those who call, at the door that is open. */
void serve_callers_begin(struct serve *serve);

/* After poll: take those who have proven who they are. False with errno if none can come any more.
 */
bool serve_callers_step(struct serve *serve, const struct poll_set *set);

#endif
