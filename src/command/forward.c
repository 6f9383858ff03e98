/*
 * Owns the forward command: each local connection is carried to a peer. Must never serve one LOCAL
 * unless all of them can be.
 */
#include "command/forward.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/commands.h"
#include "command/setup_listen.h"
#include "command/setup_via.h"
#include "daemon/capacity.h"
#include "system/signals.h"

#define GIVEN_BACK_LOOK_MS                                                                         \
    1000 /* between two looks at what was given back, while there are connections */

_Static_assert(FORWARDS_MAX + 1 <= DOORS_MAX, "each LOCAL has a door, and --accept");

struct listeners *forward_door(struct forward *forward, size_t place)
{
    return &forward->daemon.doors.list[place + (forward_is_called(forward) ? 1 : 0)];
}

static enum stay run(struct daemon *daemon, struct connection *connection)
{
    (void)daemon;
    return route_run(connection);
}

/* Channels that threads give back are looked for: to say so takes time. */
static int64_t arm(struct daemon *daemon, struct poll_set *set)
{
    struct forward *forward = daemon->terms->context;
    struct connections_totals totals;
    int64_t due_ms = NEVER_MS;

    if (forward_is_called(forward))
        due_ms = forward_accept_arm(forward, set);
    for (size_t i = 0; i < forward->count; i++)
        due_ms = clock_earlier(due_ms, route_arm(&forward->routes[i], set));
    due_ms = clock_earlier(due_ms, forward_program_arm(forward, set));
    connections_count(&daemon->connections, &totals);
    if (forward->setup.options->plain || totals.count == 0)
        return due_ms;
    return clock_earlier(due_ms, clock_deadline_ms(GIVEN_BACK_LOOK_MS));
}

/* Have a supervisor know if a peer is lost, or is there again. */
static void tell_changes(struct forward *forward)
{
    bool changed = false;

    for (size_t i = 0; i < forward->count; i++) {
        struct route *route = &forward->routes[i];

        if (peer_state_has_changed(&route->told, route_state(route)))
            changed = true;
    }
    if (changed)
        daemon_tell_state(&forward->daemon);
}

/* Where there is room for few, none is always the first. */
static bool step(struct daemon *daemon, const struct poll_set *set)
{
    struct forward *forward = daemon->terms->context;
    size_t first = forward->turn++;

    if (forward_is_called(forward) && !forward_accept_step(forward, set))
        return false;
    for (size_t i = 0; i < forward->count; i++)
        route_step(&forward->routes[i], set);
    for (size_t i = 0; i < forward->count; i++) {
        if (!route_accept(&forward->routes[(first + i) % forward->count], set))
            return false;
    }
    tell_changes(forward);
    forward_program_step(forward, set);
    return true;
}

static size_t waiting(struct daemon *daemon)
{
    const struct forward *forward = daemon->terms->context;
    struct connections_totals totals;

    connections_count(&daemon->connections, &totals);
    return totals.pending + (forward_is_called(forward) ? reception_count(&forward->reception) : 0);
}

/* Nobody waits but in the backlog; and what comes is for us, whatever became of the program. */
static void stop_accepting(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    if (forward->was_asked)
        signals_pass_on(false);
    for (size_t i = 0; i < forward->count; i++)
        route_end(&forward->routes[i]);
    if (forward_is_called(forward))
        forward_accept_end(forward);
}

/* Look who is called, or calls, now. */
static bool look_again(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    return setup_find_again(&forward->setup, forward->again, &forward->fresh) == OK;
}

/* Where what comes to a LOCAL goes, and since when. */
static void say_where(struct forward *forward, size_t place, const struct callee *callee,
                      const char *since)
{
    char who[PEER_TEXT_SIZE], at[ADDRESS_TEXT_SIZE + 4] = ", who calls";
    char line[PEER_TEXT_SIZE + ADDRESS_TEXT_SIZE + TARGET_NAME_SIZE + 64];
    const char *way = forward->setup.options->via != NULL ? " by --via" : "";
    const char *here = forward_door(forward, place)->text;

    peer_format(who, callee->name, callee->key);
    if (!forward_is_called(forward)) {
        memcpy(at, " at ", 4);
        address_format(at + 4, &callee->address);
    }
    (void)snprintf(line, sizeof(line), "each connection is carried to %s%s%s%s%s%s", callee->target,
                   callee->target[0] != '\0' ? " of " : "", who, at, way, since);
    log_event(LOG_NOTE, forward->setup.options->what, here, line, NULL);
}

static void end_again(struct forward *forward)
{
    for (size_t i = 0; i < forward->count; i++)
        callee_end(&forward->again[i].callee);
}

static void take_again(struct daemon *daemon, bool good)
{
    struct forward *forward = daemon->terms->context;
    const char *which = forward->count == 1 ? forward->peers[0] : daemon->doors.name;
    bool is_other[FORWARDS_MAX] = {false};

    if (!good) {
        setup_report_stays(&forward->setup, which, forward->count > 1);
        end_again(forward);
        peers_free(&forward->fresh);
        return;
    }
    for (size_t i = 0; i < forward->count; i++)
        is_other[i] =
            route_move(&forward->routes[i], &forward->again[i].callee, forward->again[i].gone);
    if (forward_is_called(forward))
        forward_accept_judge(forward);
    peers_free(&forward->fresh);
    setup_report_reload(&forward->setup, which);
    for (size_t i = 0; i < forward->count; i++) {
        if (forward->again[i].gone)
            log_event(LOG_NOTE, daemon->terms->what, forward->peers[i],
                      forward_is_called(forward) ? "may no longer call" : "no longer called", NULL);
        else if (is_other[i])
            say_where(forward, i, &forward->again[i].callee, " now");
    }
    end_again(forward);
}

/* Whether the first channel of each was made, unless nobody waits for that. */
static bool is_up(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    if (forward->setup.options->ready_on_listen)
        return true;
    for (size_t i = 0; i < forward->count; i++) {
        if (!route_is_up(&forward->routes[i]))
            return false;
    }
    return true;
}

static void describe(struct daemon *daemon, char *out, size_t size, bool asked)
{
    struct forward *forward = daemon->terms->context;
    size_t used = 0;

    for (size_t i = 0; i < forward->count; i++)
        used += route_describe(&forward->routes[i], out + used, size - used, asked);
}

static void report(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    for (size_t i = 0; i < forward->count; i++)
        route_report(&forward->routes[i]);
}

static void begin_routes(struct forward *forward)
{
    const struct options *options = forward->setup.options;
    bool keeps = !options->plain && !forward_is_called(forward);
    struct route_terms terms = {
        .daemon = &forward->daemon,
        .calls = &forward->setup.calls,
        .plain = options->plain,
        .exchange = forward_is_called(forward) ? &forward->exchange : NULL,
        .kept = {.holds = {.spare = keeps ? options->spare : 0,
                           .most = options->keep < forward->kept_each ? options->keep
                                                                      : forward->kept_each,
                           .keep_time_ms = options->keep_time_ms},
                 .age_ms = options->channel_age_ms,
                 .ping_ms = options->ping_ms},
    };

    for (size_t i = 0; i < forward->count; i++) {
        terms.listeners = forward_door(forward, i);
        terms.peer = forward->peers[i];
        terms.target = forward->callees[i].target;
        route_begin(&forward->routes[i], &terms, &forward->callees[i]);
        callee_end(&forward->callees[i]); /* the route has its own */
    }
}

/* A peer by name may have another address after a reload. */
static void confine(const struct forward *forward)
{
    const struct doors *doors = &forward->daemon.doors;
    uint16_t ports[FORWARDS_MAX];
    const char *removes[DOORS_MAX + 1];
    size_t removed = 0;
    const struct sandbox_needs needs = {
        .connects = forward->setup.options->via == NULL && !forward_is_called(forward),
        .ports = ports,
        .port_count = forward->setup.directory.read ? 0 : forward->count,
        .binds = forward->setup.options->source != NULL,
        .calls_by_programs = forward->setup.options->via != NULL,
        .removes = removes,
    };

    for (size_t i = 0; i < forward->count; i++) {
        ports[i] = address_port(&forward->callees[i].address);
    }
    for (size_t i = 0; i < doors->count; i++) {
        if (doors->list[i].made.path[0] != '\0')
            removes[removed++] = doors->list[i].made.path;
    }
    removes[removed] = NULL;
    setup_confine(SANDBOX_DAEMON, &needs);
}

static enum kith_error begin(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;
    enum kith_error error = setup_start_lookup(&forward->setup, &forward->reload);

    begin_routes(forward);
    if (forward_is_called(forward) && error == OK)
        error = forward_accept_begin(forward);
    if (error == OK)
        confine(forward);
    return error;
}

static void announce(struct daemon *daemon)
{
    struct forward *forward = daemon->terms->context;

    if (forward_is_called(forward))
        forward_accept_announce(forward);
    for (size_t i = 0; i < forward->count; i++) {
        say_where(forward, i, &forward->callees[i], "");
        setup_warn_of_path(forward->setup.options, forward_door(forward, i)->text);
    }
}

/* A channel for one connection leads to the target without a name, and to no other. */
static enum kith_error check_targets(const struct forward *forward)
{
    const struct options *options = forward->setup.options;

    for (size_t i = 0; options->plain && i < forward->count; i++) {
        if (forward->callees[i].target[0] != '\0')
            return log_failure(LOG_ERROR, options->what, forward->peers[i], ERR_USAGE,
                               "--plain excludes a target by its name",
                               "such a channel cannot ask for one: leave out one of the two");
    }
    return OK;
}

/* Listen at each LOCAL, and before them for callers; a supervisor's sockets stand for all. */
static enum kith_error open_doors(struct forward *forward, const struct address *asked)
{
    struct doors *doors = &forward->daemon.doors;
    size_t count = forward->count + (forward_is_called(forward) ? 1 : 0);
    enum kith_error error = setup_take_listeners(&forward->setup, doors->list, count);

    doors->count = count;
    if (error == OK && forward_is_called(forward))
        error = setup_listen(&forward->setup, &forward->accept, LISTEN_EVERYWHERE, &doors->list[0]);
    for (size_t i = 0; error == OK && i < forward->count; i++)
        error = setup_listen(&forward->setup, &asked[i], LISTEN_LOOPBACK, forward_door(forward, i));
    doors_describe(doors);
    return error;
}

/*
 * How many channels each LOCAL may keep, --spare with them: together they take no more than half of
 * the descriptors, counted twice, since one may be made while another ends.
 */
static size_t kept_each(const struct forward *forward, const struct options *options)
{
    size_t wanted = options->keep + options->spare;
    size_t most = capacity_of_half(2 * setup_descriptors_of_channel(options) * forward->count);

    return wanted < most ? wanted : most;
}

/* How many there may be in all, with nothing to do: of those who call, as many as that half holds.
 */
static void limit_kept(struct forward *forward, const struct options *options)
{
    forward->kept_each = kept_each(forward, options);
    forward->kept = forward->count * forward->kept_each;
    if (forward_is_called(forward))
        forward->kept = capacity_of_half(2) + 1;
    if (options->plain)
        forward->kept = 0;
}

/* One that an earlier LOCAL has, and that is not picked for each. */
static bool is_repeated(const struct address *asked, size_t place)
{
    bool is_picked = asked[place].path[0] == '\0' && address_port(&asked[place]) == 0;

    for (size_t i = 0; i < place; i++) {
        if (!is_picked && address_equals(&asked[i], &asked[place]))
            return true;
    }
    return false;
}

/* What stands on the command line. */
static enum kith_error read_arguments(struct forward *forward, const struct options *options,
                                      struct address asked[static FORWARDS_MAX])
{
    enum kith_error error = OK;

    forward->count = (size_t)options->argument_count / 2;
    if (options->accept != NULL)
        error = setup_parse_address(&forward->accept, options, options->accept, ADDRESS_PORT);
    for (size_t i = 0; error == OK && i < forward->count; i++) {
        forward->peers[i] = options->arguments[2 * i + 1];
        error = setup_parse_address(&asked[i], options, options->arguments[2 * i], ADDRESS_LOCAL);
        if (error == OK && is_repeated(asked, i))
            error = log_failure(LOG_ERROR, options->what, options->arguments[2 * i], ERR_BIND,
                                "it is a LOCAL twice", "each leads to one PEER");
    }
    return error;
}

static kind_set kinds(const struct options *options)
{
    if (options->accept != NULL)
        return KIND_SET(KIND_KEPT_BACK);
    return KIND_SET(options->plain ? KIND_PLAIN : KIND_KEPT);
}

static enum kith_error prepare(struct forward *forward, const struct options *options)
{
    static struct address asked[FORWARDS_MAX];
    enum kith_error error;

    forward->runner = RUNNER_NONE;
    error = read_arguments(forward, options, asked);
    if (error != OK)
        return error;
    error = setup_begin(&forward->setup, options, forward->peers, forward->count, kinds(options));
    if (error == OK)
        error = setup_choose_callees(&forward->setup, forward->callees,
                                     options->accept != NULL ? &forward->admission : NULL);
    if (error == OK)
        error = check_targets(forward);
    if (error == OK)
        error = open_doors(forward, asked);
    if (error == OK)
        error = setup_start_via(&forward->setup);
    if (error == OK && options->program != NULL)
        error = forward_program_prepare(forward, options->program);
    limit_kept(forward, options);
    return error;
}

static struct daemon_terms terms_of(struct forward *forward)
{
    const struct options *options = forward->setup.options;
    struct daemon_terms terms = setup_daemon_terms(&forward->setup, &forward->reload);

    terms.context = forward;
    terms.local = "the local program";
    terms.sets_apart = options->plain || options->accept != NULL; /* handshakes, beside them */
    terms.descriptors = setup_descriptors_of_channel(options) +
                        (doors_have_unix(&forward->daemon.doors) ? 2 : 1); /* stream/hold.h */
    terms.descriptors_beside = 2 * setup_descriptors_of_channel(options) * forward->kept;
    terms.pending = 128;
    terms.launcher = options->program != NULL ? &forward->runner.helper : NULL;
    return terms;
}

static const struct daemon_hooks hooks = {
    .begin = begin,
    .announce = announce,
    .arm = arm,
    .step = step,
    .waiting = waiting,
    .stop = stop_accepting,
    .run = run,
    .is_up = is_up,
    .ready = forward_program_begin,
    .heed = forward_program_heeds,
    .describe = describe,
    .report = report,
    .look_again = look_again,
    .take_again = take_again,
};

enum kith_error command_forward(const struct options *options)
{
    static struct forward forward = {.admission = ADMISSION_NOBODY};
    static struct daemon_terms terms; /* for threads that are left at the end */
    enum kith_error error = prepare(&forward, options);

    if (error == OK) {
        terms = terms_of(&forward);
        error = daemon_run(&forward.daemon, &hooks, &terms);
    }
    error = forward_program_outcome(&forward, error);
    helper_stop(&forward.runner.helper);
    if (daemon_end(&forward.daemon, error)) {
        reload_end(&forward.reload);
        setup_end(&forward.setup);
        admission_end(&forward.admission);
    }
    return error;
}
