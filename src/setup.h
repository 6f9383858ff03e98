/*
 * What every command that connects needs before it does: the keeper with our identity, the people
 * who are known, and the rules of the handshake.
 */
#ifndef KITH_SETUP_H
#define KITH_SETUP_H

#include "error.h"
#include "greeting.h"
#include "keeper.h"
#include "net.h"
#include "options.h"
#include "who.h"

struct setup {
    const struct options *options;
    struct keeper keeper;
    struct who who;
    struct net_options net;
    struct greeting_rules rules;
};

/* Make it; must not move afterwards. What is wrong is logged. */
must_check enum kith_error setup_begin(struct setup *setup, const struct options *options);

/* Let the keeper go and free; fine twice. */
void setup_end(struct setup *setup);

/* Write the line that --ready-fd asks for, and close the descriptor. Nothing without the option. */
void setup_report_ready(const struct options *options, const char *address);

#endif
