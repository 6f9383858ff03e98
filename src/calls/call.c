/*
 * Owns the way of a call: resolve, connect, shake hands, under one deadline. Must never go on
 * with a peer that is not proven.
 */
#include "calls/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "calls/explain.h"
#include "helpers/lookup.h"
#include "helpers/program.h"
#include "helpers/via.h"

#define VIA_SHOWN 64   /* bytes of its command */
#define VIA_END_MS 500 /* for what has closed the connection to have ended */

/* Where it leads: the address that was reached, or else the one that was given, in this room. */
static const char *address_of(const struct call *call, const struct callee *callee,
                              char given[static ADDRESS_TEXT_SIZE])
{
    address_format(given, &callee->address);
    return call->reached.text[0] != '\0' ? call->reached.text : given;
}

enum kith_error call_log_failure(const struct call *call, enum kith_error error,
                                 const struct callee *callee, const char *what,
                                 enum log_level level)
{
    char given[ADDRESS_TEXT_SIZE], who[PEER_AT_SIZE], which[TARGET_NAME_SIZE + 4 + sizeof(who)];
    const struct log_subject subject = {.what = what,
                                        .which = which,
                                        .peer = callee->name,
                                        .key = callee->key,
                                        .address = address_of(call, callee, given),
                                        .target = callee->target};
    struct explanation explanation;
    const char *why = problem_why(&call->problem);
    bool for_target = callee->target[0] != '\0' && strcmp(call->problem.why, callee->target) != 0;

    peer_format_at(who, callee->name, callee->key, subject.address);
    (void)snprintf(which, sizeof(which), "%s%s%s", for_target ? callee->target : "",
                   for_target ? " of " : "", who);
    explain_handshake(&explanation, &call->io, error);
    if (explanation.error == ERR_KEPT_CUT && callee->target[0] != '\0')
        explanation.error = ERR_NAMED_CUT;
    if (why == NULL)
        why = problem_why(&explanation.problem);
    (void)log_peer_failure(level, &subject, explanation.error, why,
                           call->problem.hint != NULL ? call->problem.hint
                                                      : explanation.problem.hint);
    return error;
}

/* It has no address but the one that was asked for. */
static void name_via(struct endpoint *reached, const struct address *address, const char *command)
{
    char given[ADDRESS_TEXT_SIZE];

    address_format(given, address);
    (void)snprintf(reached->text, sizeof(reached->text), "%.180s via %.*s%s", given, VIA_SHOWN,
                   command, strlen(command) > VIA_SHOWN ? "..." : "");
}

/* By a program: no name is resolved, and no connection is ours. */
static enum kith_error reach_via(struct call *call, const struct call_terms *terms,
                                 const struct address *address, int64_t deadline_ms)
{
    call->transport = TRANSPORT_NONE;
    name_via(&call->reached, address, terms->via_command);
    if (!via_is_plain(address->host))
        return ERR_VIA_HOST;
    if (program_start_via(terms->via, address, &call->transport, deadline_ms))
        return OK;
    (void)problem_say(&call->problem, "%s", program_problem(errno));
    if (descriptor_is_lacking(errno))
        call->problem.hint = "see the limit on descriptors: ulimit -n";
    return descriptor_is_lacking(errno) || errno == EAGAIN || errno == ENOMEM ? ERR_PROCESS
                                                                              : ERR_VIA;
}

/* What a way that fails leaves: no peer, or words that are none of a peer's. */
static bool may_be_of_via(enum kith_error error)
{
    return error == ERR_HANDSHAKE_CUT || error == ERR_HANDSHAKE_TIMEOUT ||
           error == ERR_FRAME_EMPTY || error == ERR_FRAME_TOO_LONG || error == ERR_HELLO_MALFORMED;
}

/* Whether it has a program in it that asks people now and then, as for a password. */
static bool may_ask(const char *command)
{
    return strstr(command, "ssh") != NULL || strstr(command, "sudo") != NULL;
}

/*
 * A way that has ended by a failure of its own was none. One that has ended well may have led to a
 * peer who turned us away, as far as anybody can tell.
 */
static enum kith_error blame_via(struct call *call, const struct call_terms *terms,
                                 enum kith_error error)
{
    int64_t soon_ms = clock_deadline_ms(VIA_END_MS);
    struct program_end end;
    char how[PROGRAM_HOW_SIZE];

    if (terms->via == NULL || !may_be_of_via(error) ||
        !program_via_end(call->transport.line, &end, clock_earlier(soon_ms, call->io.deadline_ms)))
        return error;
    program_describe_end(how, &end);
    if (how[0] == '\0')
        return error;
    (void)problem_say(&call->problem, "%s", how);
    if (end.problem == 0 && end.signal == 0 && end.status != PROGRAM_NOT_STARTED &&
        end.status != PROGRAM_NOT_FOUND && may_ask(terms->via_command))
        call->problem.hint =
            "the messages of that command tell why; if it wanted to ask for something, it has no "
            "terminal to ask at";
    return ERR_VIA;
}

/* The way there. */
static enum kith_error reach(struct call *call, const struct call_terms *terms,
                             const struct address *address, int64_t deadline_ms)
{
    int fd = -1;
    enum kith_error error;

    if (terms->via != NULL)
        return reach_via(call, terms, address, deadline_ms);
    error = lookup_connect(terms->lookup, address, terms->net, deadline_ms, &fd, &call->reached,
                           &call->problem);
    call->transport = transport_socket(fd);
    if (error == ERR_RESOLVE && terms->net->family == AF_INET6)
        call->problem.hint = "-6 takes an address of IPv6 alone: does it have one?";
    if (error == ERR_RESOLVE && terms->net->family == AF_INET)
        call->problem.hint = "-4 takes an address of IPv4 alone: does it have one?";
    return error;
}

/* For who looks for a fault. */
static void log_step(const struct call *call, const struct callee *callee, const char *why)
{
    char given[ADDRESS_TEXT_SIZE], which[PEER_AT_SIZE];

    peer_format_at(which, callee->name, callee->key, address_of(call, callee, given));
    log_event(LOG_DEBUG, "call", which, why, NULL);
}

static void log_proven(const struct call *call, const struct callee *callee)
{
    char skew[64], why[sizeof(skew) + 64];

    clock_format_skew(skew, sizeof(skew), call->io.handshake.peer_timestamp_ms,
                      call->io.answered_wall_ms);
    (void)snprintf(why, sizeof(why), "has shown that it is the one; its clock is %s ours", skew);
    log_step(call, callee, why);
}

enum kith_error call_peer(struct call *call, const struct call_terms *terms, enum channel_kind kind,
                          const struct callee *callee, bool check_only)
{
    const struct handshake_callee whom = {callee->key, kind, callee->namespace};
    int64_t deadline_ms = clock_deadline_ms(terms->timeout_ms);
    enum kith_error error;

    memset(call, 0, sizeof(*call));
    call->io.kind = kind; /* which is to be known even if nobody is reached */
    error = reach(call, terms, &callee->address, deadline_ms);
    if (error != OK)
        return error;
    log_step(call, callee, "there is a way there; the handshake begins");
    handshake_io_dial(&call->io, terms->rules, &whom, call->transport, &call->reached, deadline_ms);
    call->io.check_only = check_only;
    if (terms->connected != NULL) /* while the answer is awaited */
        terms->connected(terms->context);
    error = blame_via(call, terms, handshake_io_finish(&call->io));
    if (error == OK)
        log_proven(call, callee);
    return error;
}

void call_end(struct call *call)
{
    transport_close(&call->transport);
    handshake_io_wipe(&call->io);
}
