/*
 * What every command that connects needs before it does: the keeper with our identity, the people
 * who are known, and the rules of the handshake.
 */
#ifndef KITH_SETUP_H
#define KITH_SETUP_H

#include "base/error.h"
#include "calls/call.h"
#include "calls/handshake_io.h"
#include "calls/reception.h"
#include "command/callees.h"
#include "command/options.h"
#include "command/paths.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"
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
    struct resolved source; /* what --source says */
    char host[HOST_SIZE];   /* this machine's name, once it listens */
    bool passed;            /* the listeners are a supervisor's */
    struct reload reload;
    struct file_text texts[PEERS_NAMED_MAX + 2]; /* of the files, read again */
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
 * For daemons, before that: have a lookup, which names and the files of the run are asked of from
 * here on, also by a process that is not confined. What fails is logged.
 */
must_check enum kith_error setup_start_lookup(struct setup *setup);

/*
 * Have those admitted who may call, everyone in the peers file or whom --peer names, and tell the
 * keeper that these are the peers of this run. What is wrong is logged, as in the next three.
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
 * On SIGHUP, once setup->reload has the texts: who may call by those, or who is called, for each;
 * gone is set if the peers file is in order, and has no such name, for which this returns OK, too;
 * callee_end has to follow for each in any case, or another such call. Zeroed before the first. The
 * others are put into a set with their conditions. What is wrong is logged.
 */
must_check enum kith_error setup_choose_again(struct setup *setup, struct peers *chosen);
must_check enum kith_error setup_find_again(struct setup *setup, struct callee_again *found,
                                            struct peers *chosen);

/* Say that the files were read again, or that there are none. */
void setup_report_reload(const struct setup *setup, const char *which);

/* Or that for what is wrong nothing was changed, of one peer or of several. */
void setup_report_stays(const struct setup *setup, const char *which, bool several);

/*
 * No handshake follows, and there are no other children: let the keeper go, and the key with it,
 * while we go on. Whether it is gone by our own end is left open.
 */
void setup_dismiss_keeper(struct setup *setup);

/* Let the keeper go and free; fine twice. */
void setup_end(struct setup *setup);

/* What the options say to a daemon. */
struct daemon_terms setup_daemon_terms(const struct options *options);

/*
 * What holds for those who call a daemon at its first door, once its limits are set; its targets
 * and allow are still to come.
 */
struct reception_terms setup_reception_terms(const struct setup *setup, struct daemon *daemon,
                                             struct admission *admission);

#endif
