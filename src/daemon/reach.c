/*
 * Owns the way to what a peer is joined to. Must never let it take a part for the whole: what was
 * reached sees a reset, unless the stream was whole.
 */
#include "daemon/reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/problem.h"
#include "calls/proxy_protocol.h"
#include "daemon/carry.h"
#include "helpers/lookup.h"
#include "helpers/program.h"
#include "net/connect.h"
#include "peers/peer.h"

/* Connect to an address by the deadline. */
static enum kith_error try_address(const struct reach *reach, const struct address *address,
                                   int64_t deadline_ms, int *fd, struct problem *problem)
{
    static const struct net_options net = {.family = AF_UNSPEC, .reset_on_close = true};
    struct endpoint reached;

    *fd = -1;
    if (address->path[0] != '\0')
        return connect_to_path(address->path, deadline_ms, fd, problem);
    return lookup_connect(reach->lookup, address, &net, deadline_ms, fd, &reached, problem);
}

/*
 * Connect to a target's address by the handshake's timeout. A port alone is on either loopback
 * address: tried as numbers, since the resolver would take longer than all the rest. tried is the
 * address that the problem is about.
 */
static enum kith_error connect_target(const struct reach *reach, struct address target, int *fd,
                                      char tried[static ADDRESS_TEXT_SIZE], struct problem *problem)
{
    int64_t deadline_ms = clock_deadline_ms(reach->timeout_ms);
    bool any = target.host[0] == '\0' && target.path[0] == '\0';
    enum kith_error error;

    if (any)
        memcpy(target.host, "127.0.0.1", sizeof("127.0.0.1"));
    address_format(tried, &target);
    error = try_address(reach, &target, deadline_ms, fd, problem);
    if (any && (error == ERR_CONNECT || error == ERR_CONNECT_REFUSED)) {
        memcpy(target.host, "::1", sizeof("::1"));
        if (try_address(reach, &target, deadline_ms, fd, NULL) == OK)
            error = OK;
    }
    return error;
}

/* Tell the target who has called. False with errno. */
static bool introduce(const struct connection *connection, int fd)
{
    uint8_t header[PROXY_HEADER_MAX];
    struct endpoint own;
    size_t len;

    endpoint_set_own(&own, connection->channel.in);
    len = proxy_header(header, &connection->from, (struct sockaddr *)&own.address, connection->key,
                       connection->name);
    /* The first bytes of a new connection: its buffer takes them. */
    return send(fd, header, len, 0) == (ssize_t)len;
}

/* Of a target that its caller does not come to. */
static struct log_subject subject_of(const struct reach *reach, const struct connection *connection,
                                     const char *which)
{
    return (struct log_subject){.what = reach->daemon->terms->what,
                                .which = which,
                                .peer = connection->name,
                                .key = connection->key,
                                .address = connection->from.text,
                                .target = connection->target->name};
}

static enum kith_error log_unreached(const struct reach *reach, const struct connection *connection,
                                     const char *tried, const struct problem *problem)
{
    char which[PEER_AT_SIZE], target[TARGET_TEXT_SIZE];
    char why[sizeof(target) + sizeof(problem->why) + 2];
    const struct log_subject subject = subject_of(reach, connection, which);

    peer_format_at(which, connection->name, connection->key, connection->from.text);
    target_format(target, connection->target, tried);
    (void)snprintf(why, sizeof(why), "%s: %s", target, problem->why);
    return log_peer_failure(LOG_ERROR, &subject, ERR_TARGET, why, problem->hint);
}

/* Whether its hint is not about kith at the other end alone. */
static bool is_of_any_address(enum kith_error error)
{
    return error == ERR_RESOLVE_TIMEOUT || error == ERR_CONNECT_TIMEOUT ||
           error == ERR_CONNECT_FULL || error == ERR_FEW_DESCRIPTORS;
}

/* To an address. That may take long, and who has asked may be out by then: it is not told of. */
static enum kith_error reach_address(const struct reach *reach, const struct connection *connection,
                                     int *fd)
{
    char tried[ADDRESS_TEXT_SIZE];
    struct problem problem = {.why = ""};
    enum kith_error error = connect_target(reach, connection->target->address, fd, tried, &problem);
    enum kith_error ended = connections_why_ended(&reach->daemon->connections, connection);

    if (ended == OK && error == OK && reach->proxy_protocol && !introduce(connection, *fd)) {
        (void)problem_say(&problem, "%s", strerror(errno));
        error = ERR_CONNECT;
    }
    if (ended == OK && error == OK)
        return OK;
    descriptor_close(fd);
    if (ended != OK)
        return ended;
    if (problem_why(&problem) == NULL)
        (void)problem_say(&problem, "%s", error_text(error));
    if (is_of_any_address(error))
        problem.hint = error_hint(error);
    return log_unreached(reach, connection, tried, &problem);
}

enum kith_error reach_target(const struct reach *reach, const struct connection *connection,
                             int *fd)
{
    enum kith_error ended = connections_why_ended(&reach->daemon->connections, connection);

    *fd = -1;
    if (ended != OK || connection->target->kind == TARGET_PROGRAM)
        return ended;
    return reach_address(reach, connection, fd);
}

/* Join the end to the peer, on the channel that is kept or one of its own. */
static enum kith_error join_end(const struct reach *reach, struct connection *connection,
                                struct local_end *end)
{
    if (connection->kept != NULL)
        return carry_kept(reach->daemon, connection, &connection->kept->link, end);
    return carry_alone(reach->daemon, connection, connection->channel, &connection->keys, end);
}

/* A program of a peer. */
struct hired {
    struct program program;
    const char *name;
    char why[PROGRAM_HOW_SIZE + 130]; /* its name, and how it has failed; or empty */
};

static enum kith_error judge_hired(void *context)
{
    struct hired *hired = context;
    enum kith_error error = program_result(&hired->program);
    char how[PROGRAM_HOW_SIZE];

    program_describe_failure(how, &hired->program);
    if (how[0] != '\0')
        (void)snprintf(hired->why, sizeof(hired->why), "%.128s: %s", hired->name, how);
    return error;
}

static enum kith_error log_unstarted(const struct reach *reach, const struct connection *connection,
                                     int problem)
{
    const char *name = connection->target->text;
    const struct log_subject subject = subject_of(reach, connection, name);
    const char *hint = connection->target->line != NULL ? "" : "see --exec";

    if (descriptor_is_lacking(problem))
        hint = "see ulimit -n";
    return log_peer_failure(LOG_ERROR, &subject, ERR_PROGRAM, program_problem(problem), hint);
}

static enum kith_error join_program(const struct reach *reach, struct connection *connection)
{
    struct order order = {
        .program = connection->target->program,
        .visitor = visitor_of(connection->name, connection->key, &connection->from,
                              connection->channel.in),
    };
    struct hired hired = {.name = connection->target->text};
    struct program *program = &hired.program;
    struct local_end end;
    enum kith_error error;

    memcpy(order.visitor.target, connection->target->name, TARGET_NAME_SIZE);
    if (!program_start(program, reach->launcher, &order, PROGRAM_READS | PROGRAM_WRITES,
                       clock_deadline_ms(reach->timeout_ms)))
        return log_unstarted(reach, connection, errno);
    end = local_end_program(program->out, program->in, program->line, judge_hired, &hired);
    end.detail = hired.why;
    error = join_end(reach, connection, &end);
    program->in = end.outlet.fd;
    program_stop(program);
    if (program->end.problem != 0 &&
        hired.why[0] == '\0') /* the channel has ended by something else */
        (void)log_unstarted(reach, connection, program->end.problem);
    return error;
}

enum kith_error reach_join(const struct reach *reach, struct connection *connection, int fd)
{
    struct local_end end;
    enum kith_error error;

    if (connection->target->kind == TARGET_PROGRAM)
        return join_program(reach, connection);
    end = local_end_socket(fd);
    error = join_end(reach, connection, &end);
    (void)close(fd);
    return error;
}
