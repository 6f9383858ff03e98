/*
 * Owns serve --call: the peer that we call, and what it may use here. Must never offer anything to
 * anybody else.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/serve.h"

bool serve_calls(const struct serve *serve)
{
    return serve->setup.options->call != NULL;
}

/* Of the calls, in a thread. */
static enum kith_error admit(void *context, const struct kept *kept, const struct endpoint *from)
{
    struct serve *serve = context;
    struct admitted admitted;

    return admission_check_again(&serve->admission, kept->key, from, &serve->offer.all, &kept->mark,
                                 &admitted);
}

void serve_call_over(void *context, const struct connection *connection, bool left)
{
    struct serve *serve = context;

    presence_over(&serve->presence, connection, left);
}

void serve_call_begin(struct serve *serve)
{
    const struct options *options = serve->setup.options;
    const struct presence_terms terms = {
        .daemon = &serve->daemon,
        .calls = &serve->setup.calls,
        .peer = options->call,
        .spare = options->spare,
        .age_ms = options->channel_age_ms,
        .admit = admit,
        .context = serve,
    };

    presence_begin(&serve->presence, &terms, &serve->callee);
    callee_end(&serve->callee); /* the presence has its own */
}

/* A number before other targets is mostly meant as where other serves listen. */
static void doubt_port(const struct options *options)
{
    const char *first = options->targets[0];

    if (options->target_count > 1 && text_is_number(first))
        log_event(LOG_NOTE, options->what, first, "taken for a target, a port of this machine",
                  "with --call there is no port to listen on; put a target like that last");
}

static void announce(struct daemon *daemon)
{
    const struct serve *serve = daemon->terms->context;
    char who[PEER_TEXT_SIZE];

    peer_format(who, serve->callee.name, serve->callee.key);
    offer_announce(&serve->offer, serve->daemon.doors.name, who, ", once it uses what we call for");
    doubt_port(serve->setup.options);
}

void serve_call_name(struct serve *serve)
{
    struct doors *doors = &serve->daemon.doors;

    doors->count = 1;
    address_format(doors->list[0].text, &serve->callee.address);
    (void)snprintf(doors->name, sizeof(doors->name), "%s", doors->list[0].text);
}

void serve_call_move(struct serve *serve)
{
    const struct options *options = serve->setup.options;

    if (presence_move(&serve->presence, &serve->again.callee, serve->again.gone))
        acceptor_close_idle(&serve->acceptor);
    callee_end(&serve->again.callee);
    if (serve->again.gone)
        log_event(LOG_NOTE, options->what, options->call, "no longer called", NULL);
}

static int64_t arm(struct daemon *daemon, struct poll_set *set)
{
    struct serve *serve = daemon->terms->context;
    int64_t due_ms = presence_arm(&serve->presence);

    return clock_earlier(due_ms, acceptor_arm(&serve->acceptor, set));
}

/* Have a supervisor know if the peer is lost, or there again. */
static bool step(struct daemon *daemon, const struct poll_set *set)
{
    struct serve *serve = daemon->terms->context;
    struct presence *presence = &serve->presence;

    acceptor_step(&serve->acceptor, set);
    if (peer_state_has_changed(&presence->told, presence_state(presence)))
        daemon_tell_state(daemon);
    return true;
}

/* Nobody calls. */
static size_t waiting(struct daemon *daemon)
{
    (void)daemon;
    return 0;
}

static void stop(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;

    presence_end(&serve->presence);
    acceptor_end(&serve->acceptor);
}

static bool look_again(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;

    return setup_find_again(&serve->setup, &serve->again, &serve->fresh) == OK;
}

static bool is_up(struct daemon *daemon)
{
    const struct serve *serve = daemon->terms->context;

    return serve->setup.options->ready_on_listen || presence_is_up(&serve->presence);
}

static void describe(struct daemon *daemon, char *out, size_t size, bool asked)
{
    struct serve *serve = daemon->terms->context;
    enum peer_state state = presence_state(&serve->presence);

    out[0] = '\0';
    if (asked || peer_state_is_absent(state))
        (void)snprintf(out, size, "; %s %s", serve->setup.options->call,
                       peer_state_say(state, false));
}

static void report(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;
    struct connections_totals totals;
    char kept[24];

    connections_count(&daemon->connections, &totals);
    (void)snprintf(kept, sizeof(kept), "%zu", totals.idle);
    log_fields(LOG_NOTE, daemon->terms->what, daemon->doors.name, "state", "to",
               serve->setup.options->call, "peer",
               peer_state_say(presence_state(&serve->presence), false), LOG_NUMBER "kept", kept,
               (const char *)NULL);
}

const struct daemon_hooks serve_call_hooks = {
    .begin = serve_begin,
    .announce = announce,
    .arm = arm,
    .step = step,
    .waiting = waiting,
    .stop = stop,
    .run = serve_run,
    .is_up = is_up,
    .describe = describe,
    .report = report,
    .look_again = look_again,
    .take_again = serve_take_again,
};
