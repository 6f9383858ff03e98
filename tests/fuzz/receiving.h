/*
 * A listener's reception, which fuzzers have as a whole: it is begun anew for each input, long
 * after the one before, and goes on as a listener's main thread has it go on.
 */
#ifndef KITH_FUZZ_RECEIVING_H
#define KITH_FUZZ_RECEIVING_H

#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "calls/reception.h"
#include "clocks.h"
#include "keeper.h"
#include "said.h"

#include "../unit/scene.h"

#define TIMEOUT_MS 10000 /* that a caller has */
#define FRESH_MS 15000
#define LONG_AGO_MS 3600000 /* between two inputs: nothing is remembered of the one before */

static struct handshake_rules rules = {.keeper = &keeper};
static struct admission admission; /* knows the dialer, and whoever else is added */
static struct listeners listeners;
static struct refusals refusals;
static struct reception reception;
static struct poll_set set;

/* Once: so many places there are, and these kinds of channels. */
static inline void receiving_start(size_t places, kind_set listens)
{
    (void)signal(SIGPIPE, SIG_IGN);
    demand(crypto_start() == OK && start_scene());
    demand(peers_add(&admission.set, dialer.public_key, "dialer") == OK);
    demand(poll_set_make(&set, places + 1) == OK);
    keeper_begin(&listener);
    rules.params = listener.params;
    rules.namespace = listener.namespace;
    rules.listens = listens;
}

/* For an input; proxies may be NULL. */
static inline void receiving_begin(size_t places, const struct address_ranges *proxies)
{
    struct reception_terms terms = {
        .what = "fuzz",
        .listeners = &listeners,
        .rules = &rules,
        .admission = &admission,
        .timeout_ms = TIMEOUT_MS,
        .places = places,
        .proxies = proxies,
        .refusals = &refusals,
    };

    clocks.wall_ms = NOW;
    clocks.monotonic_ms += LONG_AGO_MS;
    said_nothing();
    refusals_init(&refusals, "fuzz", "here", NULL);
    demand(reception_begin(&reception, &terms) == OK);
}

/* Whether there is something to do for it before time passes; the set says what. */
static inline bool receiving_is_due(void)
{
    int64_t until_ms;

    poll_set_clear(&set);
    until_ms = reception_arm(&reception, &set);
    return poll(set.fds, (nfds_t)set.count, 0) > 0 || until_ms <= clock_now_ms();
}

/* Nothing is left of an input. */
static inline void receiving_end(void)
{
    keeper_forget();
    refusals_sum_up(&refusals, true);
    (void)said_lines();
}

#endif
