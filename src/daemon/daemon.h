/*
 * What serve and forward share: sockets that listen, a thread for each connection that carries
 * something, the signals of a daemon, and its end.
 */
#ifndef KITH_DAEMON_H
#define KITH_DAEMON_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "calls/refusals.h"
#include "daemon/connections.h"
#include "daemon/doors.h"
#include "daemon/reload.h"
#include "daemon/threads.h"
#include "helpers/helper.h"
#include "net/poll_set.h"

struct daemon;

/* What becomes of a connection after its thread: it is over, or parked and somebody else's. */
enum stay { STAY_OVER, STAY_PARKED };

/*
 * What a daemon does for its connections: all in the main thread, but for run. Its own is
 * daemon->terms->context.
 */
struct daemon_hooks {
    /* All is open and the limits are set: be ready for calls, start the lookup, and confine the
     * process. What fails is logged. */
    enum kith_error (*begin)(struct daemon *daemon);

    /* Nothing can keep it from the first call any more: say what is waited for. */
    void (*announce)(struct daemon *daemon);

    /* Put what new connections come from into the set. Returns when to be stepped at the latest. */
    int64_t (*arm)(struct daemon *daemon, struct poll_set *set);

    /* After poll: take them (daemon/life.h). False with errno if none can come any more. */
    bool (*step)(struct daemon *daemon, const struct poll_set *set);

    /* How many have come, and have no channel. */
    size_t (*waiting)(struct daemon *daemon);

    /* The end begins: turn away who has no channel yet. Fine twice: once more when all is over. */
    void (*stop)(struct daemon *daemon);

    /* In a thread of its own: the life of a connection, whose transport or channel is ended after.
     */
    enum stay (*run)(struct daemon *daemon, struct connection *connection);

    /* Whether there is nothing more to wait for before we are ready; NULL if there is never. */
    bool (*is_up)(struct daemon *daemon);

    /* That we are ready was said; NULL if nothing is to be done then. */
    void (*ready)(struct daemon *daemon);

    /* Whether a signal is not for us, before the end begins; NULL if each is. */
    bool (*heed)(struct daemon *daemon, int number);

    /* Write what a supervisor is to know besides where we listen, or if it has asked, besides the
     * totals; NULL if there is nothing. */
    void (*describe)(struct daemon *daemon, char *out, size_t size, bool asked);

    /* Log what there is of each part, after the totals; NULL if there are no parts. */
    void (*report)(struct daemon *daemon);

    /* On SIGHUP: the files of a reload are here: whether they will do, which is logged if not. */
    bool (*look_again)(struct daemon *daemon);

    /* Take them, once the keeper has read them as well; or if they are not good, leave all as it
     * was, and say so. */
    void (*take_again)(struct daemon *daemon, bool good);
};

/* What holds for a daemon as long as it runs, and for threads that are left at its end. */
struct daemon_terms {
    void *context; /* of the hooks */

    /* What it is: */
    const char *what;              /* its name in logs: serve, forward */
    const char *local;             /* there, what its peers are joined to: "the target" */
    bool sets_apart;               /* of a handshake: two descriptors beside the connections */
    size_t descriptors;            /* that each connection takes */
    size_t descriptors_beside;     /* that there may be for others, and waited for */
    size_t pending;                /* the default of --max-pending */
    const struct helper *keeper;   /* without whom no handshake can be made */
    const struct helper *lookup;   /* without whom no name or file is found */
    const struct helper *launcher; /* without whom no program is started, or NULL */
    const struct helper *via;      /* without whom no peer is called, or NULL */
    struct reload *reload;         /* the files that are read again on SIGHUP */

    /* What the user has set: */
    size_t max_connections; /* 0: as many as there are descriptors for */
    size_t max_per_peer;    /* 0: as many */
    size_t max_pending;     /* 0: the daemon's default */
    size_t max_message_size;
    int64_t idle_timeout_ms;
    int64_t drain_timeout_ms;
    int ready_fd; /* -1 for none */
};

struct daemon {
    const struct daemon_hooks *hooks;
    const struct daemon_terms *terms;
    struct doors doors;
    struct connections connections;
    struct threads threads;
    struct refusals refusals;
    struct job log_job;
    bool is_in_use; /* at the end: threads are left, which use what there is */
    int signal;     /* at the end: what it was asked by, or 0 */
    bool is_done;   /* by daemon_finish, and for what reason */
    enum kith_error outcome;
    _Atomic int failed; /* the last error that carry_note was told, or OK */
};

/*
 * Serve at the doors, which are open and have their name, until a signal ends it. OK when all
 * channels could finish after SIGTERM or SIGINT; ERR_SIGNAL when they could not. daemon_end has to
 * follow.
 */
must_check enum kith_error daemon_run(struct daemon *daemon, const struct daemon_hooks *hooks,
                                      const struct daemon_terms *terms);

/*
 * The end of a command that ran a daemon, or could not: the doors are closed, and by ERR_SIGNAL
 * we end as well. False if something is still in use, so that nothing may be freed.
 */
bool daemon_end(struct daemon *daemon, enum kith_error error);

/* For hooks: have it end as by a signal, with this as its outcome unless that is OK. */
void daemon_finish(struct daemon *daemon, enum kith_error outcome);

/* For hooks: what describe says has changed. */
void daemon_tell_state(struct daemon *daemon);

#endif
