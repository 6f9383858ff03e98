/*
 * Owns what is said of a LOCAL and its peer. Must never say that one is there who has neither taken
 * a call nor made one.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/route.h"

/* The state of a peer that calls us. */
static enum peer_state state_of(const struct attendance *attendance)
{
    if (attendance->is_lost)
        return PEER_LOST;
    return attendance->was_there ? PEER_THERE : PEER_UNKNOWN;
}

/* How many channels it has with nothing to do. */
static size_t count_kept(const struct route *route)
{
    if (route->terms.exchange != NULL)
        return opener_count(&route->terms.exchange->opener, route->peer.callee.key);
    return route->channels.opener.idle_count;
}

enum peer_state route_state(const struct route *route)
{
    if (route->peer.gone)
        return PEER_GONE;
    if (route->terms.exchange != NULL)
        return state_of(&route->attendance);
    return calling_state(&route->channels.calling);
}

enum kith_error route_loss(const struct route *route)
{
    return calling_loss(&route->channels.calling);
}

bool route_is_up(struct route *route)
{
    if (route->terms.exchange != NULL)
        return route->attendance.was_there;
    return route->terms.kept.holds.spare == 0 || calling_is_up(&route->channels.calling);
}

/* How its peer is, in words. */
static const char *say_state(const struct route *route)
{
    return peer_state_say(route_state(route), route->terms.exchange != NULL);
}

void route_report(struct route *route)
{
    struct connections_totals totals;
    char open[24], pending[24], kept[24], channels[24], sent[24], received[24];

    connections_count_part(&route->terms.daemon->connections, &route->part, &totals);
    (void)snprintf(open, sizeof(open), "%zu", totals.count - totals.pending);
    (void)snprintf(pending, sizeof(pending), "%zu", totals.pending);
    (void)snprintf(kept, sizeof(kept), "%zu", count_kept(route));
    (void)snprintf(channels, sizeof(channels), "%" PRIu64, totals.channels);
    (void)snprintf(sent, sizeof(sent), "%" PRIu64, totals.sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, totals.received);
    log_fields(LOG_NOTE, route->terms.daemon->terms->what, route->terms.listeners->text, "state",
               "to", route->terms.peer, "peer", say_state(route), LOG_NUMBER "kept", kept,
               LOG_NUMBER "open", open, LOG_NUMBER "pending", pending, LOG_NUMBER "channels",
               channels, LOG_NUMBER "sent-by-ended", sent, LOG_NUMBER "received-by-ended", received,
               (const char *)NULL);
}

size_t route_describe(struct route *route, char *out, size_t size, bool with_counts)
{
    struct connections_totals totals;
    int len = 0;

    if (with_counts) {
        connections_count_part(&route->terms.daemon->connections, &route->part, &totals);
        len = snprintf(out, size, "; %s: %zu open, %" PRIu64 " in all, %zu kept, %s %s",
                       route->terms.listeners->text, totals.count - totals.pending, totals.channels,
                       count_kept(route), route->terms.peer, say_state(route));
    } else if (peer_state_is_absent(route_state(route))) {
        len = snprintf(out, size, "; %s %s", route->terms.peer, say_state(route));
    }
    return (size_t)len < size ? (size_t)len : size - 1;
}
