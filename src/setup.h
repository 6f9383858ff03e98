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

/* Fill a set with those who may call: everyone in the peers file, or whom --peer names. */
must_check enum kith_error setup_choose_peers(struct setup *setup, const char *what,
                                              struct peers *chosen);

/*
 * Listen for a command: on the sockets that a supervisor passes, or else at the address; then
 * write the line of --ready-fd. What is wrong is logged.
 */
must_check enum kith_error setup_listen(struct setup *setup, const char *what,
                                        const struct address *address, enum net_scope scope,
                                        struct net_listeners *listeners);

/* Say that an address will not do, and why (or NULL). Returns the error. */
enum kith_error setup_complain(enum kith_error error, const char *what, const char *which,
                               const char *why);

/* Say that we listen; and on a terminal the line that a peer types to call us. */
void setup_announce(const struct setup *setup, const char *what,
                    const struct net_listeners *listeners, const struct address *asked);

/* Let the keeper go and free; fine twice. */
void setup_end(struct setup *setup);

/* Write the line that --ready-fd asks for, and close the descriptor. Nothing without the option. */
void setup_report_ready(const struct options *options, const char *address);

#endif
