/*
 * The threads of a daemon, leader and followers: of those that have nothing else to do, one waits
 * for calls. It leaves the waiting to the next before it serves the one it took, from the first
 * byte to the last. So a call wakes one thread, and none is made for it unless all are at work.
 */
#ifndef KITH_WORKERS_H
#define KITH_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "calls/refusals.h"
#include "daemon/registry.h"
#include "net/net.h"

/* What they do. */
struct workers_task {
    const char *what;   /* its name in logs */
    bool faces_network; /* what is accepted comes from peers */
    const struct net_listeners *listeners;
    struct registry *registry;
    struct refusals *refusals;

    /* The whole life of a connection. Its descriptor is closed after. */
    void (*run)(void *context, struct connection *connection);
    void *context;
};

struct workers {
    struct workers_task task;
    pthread_attr_t attributes; /* of new threads */
    int stop[2];               /* a pipe: its writing end is closed to wake who waits */

    pthread_mutex_t lock;
    pthread_cond_t turn_free;
    bool turn_taken; /* by the one that waits for calls */
    bool stopped;
    size_t idle; /* threads that have the turn, or wait for it */

    /* of who has the turn */
    size_t last_listener;   /* that had a call */
    int64_t quiet_until_ms; /* no more complaints before */
};

/* Make what has to be made before the process is confined. False with errno if that fails. */
must_check bool workers_prepare(struct workers *workers, const struct workers_task *task);

/* Begin to take calls; the listeners and the registry's limits are set. False with errno
 * if there is no thread for that. */
must_check bool workers_start(struct workers *workers);

/*
 * Take no more calls. Fine twice. True if nobody looks at the listeners any longer, as it should
 * be; who hangs in something is not waited for without end.
 */
bool workers_stop(struct workers *workers);

#endif
