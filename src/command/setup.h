/*
 * What every command that connects needs before it does: the keeper with our identity, the people
 * who are known, and the rules of the handshake.
 */
#ifndef KITH_SETUP_H
#define KITH_SETUP_H

#include "base/error.h"
#include "calls/call.h"
#include "calls/handshake_io.h"
#include "command/options.h"
#include "command/paths.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"
#include "helpers/keeper.h"
#include "helpers/lookup.h"
#include "net/listen.h"
#include "peers/admission.h"
#include "peers/directory.h"
#include "system/sandbox.h"

struct setup {
    const struct options *options;
    struct keeper keeper;
    struct helper lookup; /* none but in a daemon */
    struct directory directory;
    struct net_options net;
    struct handshake_rules rules;
    struct call_terms calls;
    char identity_path[FILE_PATH_SIZE];
    char peers_path[FILE_PATH_SIZE];
    const char *peer;                       /* PEER, of a command that has one, or NULL */
    char peer_file[FILE_PATH_SIZE];         /* of PEER, if its WHO is a file; else empty */
    const char *files[PEERS_NAMED_MAX + 2]; /* that a reload reads again */
    size_t file_count;
    struct resolved source; /* what --source says */
    char host[HOST_SIZE];   /* this machine's name, once it listens */
    bool passed;            /* the listeners are a supervisor's */
    struct reload reload;
    struct file_text texts[PEERS_NAMED_MAX + 2]; /* of the files, read again */
};

/*
 * Make it; must not move afterwards. peer is the PEER argument of a command that has one, else
 * NULL; kinds are those of the channels that it is called for, or that are answered. What is wrong
 * is logged.
 */
must_check enum kith_error setup_begin(struct setup *setup, const struct options *options,
                                       const char *peer, kind_set kinds);

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
must_check enum kith_error setup_choose_peers(struct setup *setup, const char *what,
                                              struct admission *admission);

/* The same for the peer that is called. */
must_check enum kith_error setup_choose_callee(struct setup *setup, struct callee *callee);

/*
 * On SIGHUP, once setup->reload has the texts: who may call by those, or who is called; *gone is
 * set if the peers file is in order, and has no such name, for which this returns OK, too. What is
 * wrong is logged.
 */
must_check enum kith_error setup_choose_again(struct setup *setup, const char *what,
                                              struct peers *chosen);
must_check enum kith_error setup_find_again(struct setup *setup, struct callee *callee, bool *gone);

/* Say that the files were read again, or that there are none. */
void setup_report_reload(const struct setup *setup, const char *what, const char *which);

/*
 * For daemons: take the sockets that a supervisor passes, which are then listened on in the place
 * of an address. None, if there is no such supervisor. What is wrong is logged.
 */
must_check enum kith_error setup_take_listeners(const char *what, struct listeners *listeners);

/* Listen for a command at the address, unless it has listeners. What is wrong is logged. */
must_check enum kith_error setup_listen(struct setup *setup, const char *what,
                                        const struct address *address, enum listen_scope scope,
                                        struct listeners *listeners);

/*
 * Read an address that stands on the command line. ERR_USAGE, which is logged with what is wrong.
 */
must_check enum kith_error setup_parse_address(struct address *address, const char *what,
                                               const char *text, enum address_form form);

/*
 * On a terminal, show the line that a peer types to call us: kith, these words
 * (dial, say), who and where we are, and what follows that.
 */
void setup_announce(const struct setup *setup, const char *what, const struct listeners *listeners,
                    const struct address *asked, const char *words, const char *ending);

/* Say what a UNIX socket as an end of channels cannot do, if the address is one (see
 * stream/hold.h). */
void setup_warn_of_path(const char *what, const char *address);

/*
 * No handshake follows, and there are no other children: let the keeper go, and the key with it,
 * while we go on. Whether it is gone by our own end is left open.
 */
void setup_dismiss_keeper(struct setup *setup);

/* Let the keeper go and free; fine twice. */
void setup_end(struct setup *setup);

/* What the options say to a daemon. */
struct daemon_terms setup_daemon_terms(const struct options *options);

#endif
