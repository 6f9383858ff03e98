/*
 * One LOCAL of forward and the PEER that its connections are carried to: who that is now, the
 * channels that are kept to it, whoever has called, and what there has been.
 *
 * But for route_run all of it is the main thread's.
 */
#ifndef KITH_ROUTE_H
#define KITH_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls/call.h"
#include "daemon/attendance.h"
#include "daemon/channels.h"
#include "daemon/connections.h"
#include "daemon/daemon.h"
#include "daemon/exchange.h"
#include "daemon/peer_now.h"
#include "daemon/peer_state.h"
#include "net/acceptance.h"
#include "net/listen.h"
#include "peers/directory.h"

struct route_terms {
    struct daemon *daemon;
    const struct listeners *listeners;
    const char *peer;   /* as it was given, for logs */
    const char *target; /* that is asked for there, by its name; or empty */
    const struct call_terms *calls;
    bool plain;                /* a channel for each connection, and none is kept */
    struct exchange *exchange; /* the peer calls us: its channels are among these; or NULL */
    struct opener_terms kept;  /* how many, and for how long; none in the two cases before */
};

struct route {
    struct route_terms terms;
    struct peer_now peer;
    struct acceptance acceptance;
    bool takes;                   /* what waits there: there is room for it */
    struct channels channels;     /* none is there if it is plain, or the peer calls us */
    struct attendance attendance; /* of a peer that calls us */
    struct connections_part part;
    enum peer_state told; /* the state that was said last */
};

/* Begin to carry what comes there to this peer; it must not move afterwards. */
void route_begin(struct route *route, const struct route_terms *terms, const struct callee *callee);

/* Put what it waits for into the set. When to step it at the latest. */
int64_t route_arm(struct route *route, struct poll_set *set);

/* See to the channels that are kept. */
void route_step(struct route *route, const struct poll_set *set);

/*
 * Take the connections that wait, as long as there is room, and have each run in a thread. False
 * with errno if none can come any more.
 */
bool route_accept(struct route *route, const struct poll_set *set);

/*
 * In a thread: the life of a connection, from the call or the channel that it gets to its end; or
 * to where it waits for another channel.
 */
enum stay route_run(struct connection *connection);

/* In any thread: whether this is its peer's key, now. */
bool route_is_for(struct route *route, const uint8_t key[static KEY_SIZE]);

/* Whose channel a connection needs now, and what it asks for there; false for nobody's. */
bool route_whom(const struct connection *connection, uint8_t key[static KEY_SIZE],
                const char **target);

/*
 * A reload: who is called now, if anybody is. What goes to somebody else is ended. Returns whether
 * the key or the address is another one.
 */
bool route_move(struct route *route, const struct callee *callee, bool gone);

/* No more is carried: channels that have nothing to do are closed. Fine twice. */
void route_end(struct route *route);

/* Whether its peer is there. */
enum peer_state route_state(const struct route *route);

/* Whether there is nothing to wait for before its first connection: the first channel is made. */
bool route_is_up(struct route *route);

/* Why its peer was said to be lost, unless it is there meanwhile; or OK. */
enum kith_error route_loss(const struct route *route);

/* Say in the log what there is and has been. */
void route_report(struct route *route);

/*
 * Say to a supervisor that its peer is not there, if it is not; or with all counts, how it is. How
 * long that is, of what there is room for.
 */
size_t route_describe(struct route *route, char *out, size_t size, bool with_counts);

#endif
