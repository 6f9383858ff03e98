/*
 * Callers (calls/callers.h) who have come to prove that they are a known peer: those who do are
 * guests, all others are turned away. One thread, no locks of its own; a party of somebody else's
 * poll.
 */
#ifndef KITH_RECEPTION_H
#define KITH_RECEPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "calls/callers.h"
#include "calls/handshake_io.h"
#include "calls/refusals.h"
#include "net/address_range.h"
#include "net/listen.h"
#include "net/poll_set.h"
#include "peers/admission.h"

/* A peer that has been let in. */
struct guest {
    struct transport transport; /* closed by who takes the guest */
    enum channel_kind kind;
    uint8_t key[KEY_SIZE];
    struct admitted admitted;
    struct session_keys keys; /* wiped by him, too */
    struct endpoint from;
};

/*
 * Asked in reception_step of a caller that is admitted, and again once it is proven: whether its
 * key may have one connection more. It must not wait.
 */
typedef enum kith_error reception_allow(void *context, const uint8_t key[static KEY_SIZE]);

struct reception_terms {
    const char *what; /* the command's name, in logs */
    const struct listeners *listeners;
    const struct handshake_rules *rules; /* admit and heard are the reception's own */
    struct admission *admission;
    const struct targets *targets; /* that they may be joined to, or NULL */
    const struct targets *unnamed; /* that plain channels are: one or none; or NULL */
    int64_t timeout_ms;            /* of one handshake */
    size_t places;                 /* for callers at once; an allocation each while it is there */
    size_t most, most_of_peer;     /* channels, of which allow judges: for the words */
    const struct address_ranges *proxies; /* from there a PROXY header comes first; may be none */
    struct refusals *refusals;            /* where those are told who are turned away */
    reception_allow *allow;               /* or NULL */
    void *context;
};

struct reception {
    struct reception_terms terms;
    struct handshake_rules rules;
    struct callers callers;
    struct replay *replay;
};

/*
 * Begin; nothing is accepted before the first step. Must not move afterwards. ERR_MEMORY, which is
 * logged; reception_end is fine even then.
 */
must_check enum kith_error reception_begin(struct reception *reception,
                                           const struct reception_terms *terms);

/*
 * Welcome one that comes by no listener, of which there may be none then: the only one that ever
 * comes, whose refusal is an error. False if there is no memory for it. The transport is taken in
 * any case.
 */
must_check bool reception_welcome(struct reception *reception, struct transport transport,
                                  const struct endpoint *from);

/* Put listeners and callers into the set. Returns when it wants to be stepped at the latest. */
int64_t reception_arm(struct reception *reception, struct poll_set *set);

enum reception_result { RECEPTION_NOBODY, RECEPTION_GUEST, RECEPTION_FAILED };

/*
 * After poll: go on with all that is ready, for about a millisecond; the rest is for the next
 * round. RECEPTION_GUEST: *guest has proven who it is; call again at once, there may be more.
 * RECEPTION_FAILED, with errno: no call can be accepted, ever.
 */
enum reception_result reception_step(struct reception *reception, const struct poll_set *set,
                                     struct guest *guest);

/*
 * A guest is kept out after all: why is said in the log alone, and we hang up. Its keys are wiped.
 */
void reception_turn_away(struct reception *reception, struct guest *guest, enum kith_error why);

/* How many callers there are. */
size_t reception_count(const struct reception *reception);

/* Turn all away; said in the log for the reason that is given, unless that is OK. */
void reception_end(struct reception *reception, enum kith_error reason);

#endif
