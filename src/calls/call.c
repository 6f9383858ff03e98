/*
 * Owns the way of a call: resolve, connect, shake hands, under one deadline. Must never go on
 * with a peer that is not proven.
 */
#include "calls/call.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/explain.h"
#include "helpers/lookup.h"
#include "net/connect.h"
#include "system/sandbox.h"

#define WHICH_SIZE (PEER_TEXT_SIZE + ADDRESS_TEXT_SIZE + 8)

/* "NAME (01234567) at HOST:PORT", and the address that was reached when a name was given. */
static void describe(char out[static WHICH_SIZE], const struct callee *callee,
                     const struct endpoint *reached)
{
    char who[PEER_TEXT_SIZE], given[ADDRESS_TEXT_SIZE];

    peer_format(who, callee->name, callee->key);
    address_format(given, &callee->address);
    (void)snprintf(out, WHICH_SIZE, "%s at %s", who, reached->len > 0 ? reached->text : given);
}

enum kith_error call_log_failure(const struct call *call, enum kith_error error,
                                 const struct callee *callee, const char *what,
                                 enum log_level level)
{
    char which[WHICH_SIZE];
    struct explanation explanation;

    describe(which, callee, &call->reached);
    explain_handshake(&explanation, &call->io, error);
    if (explanation.error == ERR_KEPT_CUT && callee->target[0] != '\0')
        explanation.error = ERR_NAMED_CUT;
    (void)log_failure(level, what, which, explanation.error,
                      call->why != NULL ? call->why : explanation.detail, explanation.hint);
    return error;
}

/* The way there. */
static enum kith_error reach(struct call *call, const struct call_terms *terms,
                             const struct address *address, int64_t deadline_ms)
{
    struct resolved found;
    int fd = -1;
    enum kith_error error =
        lookup_resolve(terms->lookup, address, terms->net->family, deadline_ms, &found, &call->why);

    if (error == OK)
        error = connect_to_any(&found, terms->net, deadline_ms, &fd, &call->reached, &call->why);
    call->transport = transport_socket(fd);
    return error;
}

enum kith_error call_peer(struct call *call, const struct call_terms *terms, enum channel_kind kind,
                          const struct callee *callee, bool check_only)
{
    int64_t deadline_ms = clock_deadline_ms(terms->timeout_ms);
    enum kith_error error;

    memset(call, 0, sizeof(*call));
    error = reach(call, terms, &callee->address, deadline_ms);
    if (error != OK)
        return error;
    handshake_io_dial(&call->io, terms->rules, kind, call->transport, &call->reached, callee->key,
                      deadline_ms);
    call->io.check_only = check_only;
    if (terms->needs != NULL) /* before the first byte from outside, and while that is awaited */
        sandbox_enter(SANDBOX_PIPE, terms->needs);
    return handshake_io_finish(&call->io);
}

void call_end(struct call *call)
{
    transport_close(&call->transport);
    handshake_io_wipe(&call->io);
}
