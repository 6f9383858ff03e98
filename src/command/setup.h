/*
 * What every command that connects needs before it does: the keeper with our identity, the people
 * who are known, and the rules of the handshake.
 */
#ifndef KITH_SETUP_H
#define KITH_SETUP_H

#include "base/error.h"
#include "calls/call.h"
#include "calls/handshake_io.h"
#include "command/callees.h"
#include "command/options.h"
#include "command/paths.h"
#include "helpers/keeper.h"
#include "helpers/lookup.h"
#include "keys/secret_namespace.h"
#include "net/listen.h"
#include "peers/admission.h"
#include "peers/directory.h"
#include "system/sandbox.h"

struct setup {
    const struct options *options;
    struct keeper keeper;
    struct helper lookup; /* none but in a daemon */
    struct helper via;    /* who starts the command of --via, if there is one */
    struct directory directory;
    struct net_options net;
    struct secret_namespace *namespace; /* of --namespace-file, or NULL */
    struct handshake_rules rules;
    struct call_terms calls;
    char identity_path[FILE_PATH_SIZE];
    char peers_path[FILE_PATH_SIZE];
    struct callees callees;                 /* of a command that calls, or has --accept */
    const char *files[PEERS_NAMED_MAX + 2]; /* that a reload reads again */
    size_t file_count;
    struct resolved source;                      /* what --source says */
    char host[HOST_SIZE];                        /* this machine's name, once it listens */
    bool passed;                                 /* the listeners are a supervisor's */
    struct file_text texts[PEERS_NAMED_MAX + 2]; /* of the last of them, read again */
    size_t text_count;
};

/*
 * Make it; must not move afterwards. callees are the PEER arguments of a command that has some, or
 * the WHO arguments of one with --accept, which does not call; kinds are those of the channels that
 * they are called for, or that are answered. A run that meets has no PEER, and calls unless
 * --listen says so. What is wrong is logged.
 */
must_check enum kith_error setup_begin(struct setup *setup, const struct options *options,
                                       const char *const *callees, size_t callee_count,
                                       kind_set kinds);

/* Confine this process: it opens no file from here on. */
void setup_confine(enum sandbox_role role, const struct sandbox_needs *needs);

/*
 * Have those admitted who may call, everyone in the peers file or whom --peer names, and tell the
 * keeper that these are the peers of this run. What is wrong is logged, as in the next.
 */
must_check enum kith_error setup_choose_peers(struct setup *setup, struct admission *admission);

/*
 * The same for the peers that are called, or that --accept waits for: who each of them is; and have
 * them admitted, unless that is NULL. callees are zeroed before, and callee_end has to follow for
 * each.
 */
must_check enum kith_error setup_choose_callees(struct setup *setup, struct callee *callees,
                                                struct admission *admission);

/*
 * No handshake follows, and there are no other children: let the keeper go, and the key with it,
 * while we go on. Whether it is gone by our own end is left open.
 */
void setup_dismiss_keeper(struct setup *setup);

/* Let the keeper go and free; fine twice. */
void setup_end(struct setup *setup);

#endif
