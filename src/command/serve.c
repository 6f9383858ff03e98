/*
 * Owns the serve command: each known peer that calls is joined to a target, which may be a program
 * that is started for it. Must never touch a target before its caller has proven who it is.
 */
#include "command/serve.h"

#include "base/log.h"
#include "command/commands.h"
#include "command/setup_listen.h"
#include "command/setup_via.h"
#include "daemon/carry.h"
#include "helpers/launcher.h"
#include "peers/condition_warnings.h"
#include "system/protect.h"

/*
 * Whether a peer may have the target that its connection is to be joined to, as it is now. That is
 * known to a reload, which so misses nobody.
 */
static enum kith_error judge_target(struct serve *serve, const struct connection *connection)
{
    const struct targets asked = {connection->target, 1};
    struct admitted admitted;

    return admission_check_again(&serve->admission, connection->key, &connection->from,
                                 asked.list != NULL ? &asked : &serve->offer.all, &connection->mark,
                                 &admitted);
}

/* The log says what was asked for in vain; who has asked is told that there is no such target. */
static enum kith_error refuse_target(struct serve *serve, const struct connection *connection,
                                     enum kith_error error, const char *name)
{
    const struct targets *unnamed = &serve->offer.unnamed;
    const char *asked = name[0] != '\0' ? name : NULL;

    if (asked == NULL && unnamed->count > 0)
        asked = unnamed->list[0].text;
    refusals_add_proven(&serve->daemon.refusals, &connection->from, connection->name,
                        connection->key, name, error, asked);
    carry_note(&serve->daemon, error);
    return ERR_REFUSED_TARGET;
}

/*
 * An OPEN: each is judged by what the peer may do now. If another target is all that it may not
 * have, it keeps its channel; else that is no better than a new call would be.
 */
static enum kith_error reach_for(void *context, struct connection *connection, const char *name,
                                 int *fd)
{
    struct serve *serve = context;
    enum kith_error error;

    *fd = -1;
    connection->target = targets_find(&serve->offer.all, name);
    error = judge_target(serve, connection);
    if (error == OK && connection->target == NULL)
        error = name[0] == '\0' ? ERR_NO_UNNAMED : ERR_NO_TARGET;
    if (error == ERR_PEER_TARGETS) /* it has asked for one */
        error = ERR_PEER_TARGET;
    if (error == OK)
        error = reach_target(&serve->reach, connection, fd);
    if (error == OK)
        return OK;
    connection->target = NULL;
    if (error == ERR_TARGET) {
        carry_note(&serve->daemon, error);
        return ERR_REFUSED_UNREACHED;
    }
    if (error == ERR_PEER_TARGET || error == ERR_NO_TARGET || error == ERR_NO_UNNAMED)
        return refuse_target(serve, connection, error, name);
    return error;
}

static enum kith_error join_kept(void *context, struct connection *connection, int fd)
{
    struct serve *serve = context;
    enum kith_error error = reach_join(&serve->reach, connection, fd);

    carry_note(&serve->daemon, error);
    connection->target = NULL;
    return error;
}

enum stay serve_run(struct daemon *daemon, struct connection *connection)
{
    struct serve *serve = daemon->terms->context;
    enum kith_error error;
    int fd;

    if (connection->kept != NULL)
        return acceptor_run(&serve->acceptor, connection);
    error = reach_target(&serve->reach, connection, &fd);
    if (error == OK) {
        error = reach_join(&serve->reach, connection, fd);
    } else if (error != ERR_TARGET) {
        connections_name_stream(&daemon->connections, connection, connection->keys.id, 1);
        carry_nothing(daemon, connection, error);
    }
    carry_note(daemon, error);
    session_keys_wipe(&connection->keys);
    return STAY_OVER;
}

/* A visit: end the channel of a key that may no longer call. */
static void end_if_gone(struct connection *connection, void *context)
{
    struct serve *serve = context;
    enum kith_error error;

    if (!connection->is_open)
        return;
    error = judge_target(serve, connection);
    if (error != OK)
        connection_end(connection, error);
}

static void warn_of_conditions(const struct serve *serve)
{
    if (!serve->setup.options->inetd) /* where each call would say it again */
        condition_warnings_log(&serve->setup.directory, &serve->admission.set, &serve->offer.all);
}

void serve_take_again(struct daemon *daemon, bool good)
{
    struct serve *serve = daemon->terms->context;

    if (!good) {
        setup_report_stays(&serve->setup, daemon->doors.name, !serve_calls(serve));
        peers_free(&serve->fresh);
        callee_end(&serve->again.callee);
        return;
    }
    admission_replace(&serve->admission, &serve->fresh);
    connections_each(&daemon->connections, end_if_gone, serve);
    if (serve_calls(serve))
        serve_call_move(serve);
    setup_report_reload(&serve->setup, daemon->doors.name);
    warn_of_conditions(serve);
}

/* What programs inherit is as it was until the launcher has it. */
static enum kith_error start_launcher(struct serve *serve)
{
    if (serve->offer.programs.count == 0)
        return OK;
    return launcher_start(&serve->launcher, &serve->offer.programs,
                          serve->daemon.connections.limits.most);
}

/* A peer by name may have another address after a reload. */
static struct sandbox_needs needs_of(struct serve *serve)
{
    struct sandbox_needs needs = offer_needs(&serve->offer);

    if (!serve_calls(serve))
        return needs;
    needs.calls_by_programs = serve->setup.options->via != NULL;
    if (needs.calls_by_programs)
        return needs;
    needs.connects = true;
    needs.binds = serve->setup.options->source != NULL;
    serve->offer.ports[needs.port_count++] = address_port(&serve->callee.address);
    if (serve->setup.directory.read)
        needs.port_count = 0;
    return needs;
}

enum kith_error serve_begin(struct daemon *daemon)
{
    struct serve *serve = daemon->terms->context;
    const struct sandbox_needs needs = needs_of(serve);
    static struct acceptor_hooks hooks = {.reach = reach_for, .join = join_kept};
    const struct options *options = serve->setup.options;
    enum kith_error error = setup_start_lookup(&serve->setup, &serve->reload);

    serve->holds = (struct holds){.spare = options->spare,
                                  .most = options->spare + options->keep,
                                  .keep_time_ms = options->keep_time_ms};
    if (serve_calls(serve))
        serve_call_begin(serve);
    else if (error == OK)
        error = serve_reception_begin(serve);
    serve->reach = (struct reach){
        .daemon = daemon,
        .lookup = &serve->setup.lookup,
        .launcher = &serve->launcher,
        .timeout_ms = serve->setup.options->handshake_timeout_ms,
        .proxy_protocol = serve->setup.options->proxy_protocol,
    };
    hooks.context = serve;
    if (error == OK)
        error = start_launcher(serve);
    if (serve_calls(serve))
        hooks.over = serve_call_over;
    acceptor_begin(&serve->acceptor, daemon, &hooks, serve_calls(serve) ? &serve->holds : NULL,
                   options->handshake_timeout_ms);
    if (error == OK && options->inetd)
        error = serve_inetd_begin(serve);
    if (error == OK)
        setup_confine(SANDBOX_DAEMON, &needs);
    return error;
}

/* Who may call, and where they do. */
static enum kith_error prepare_callers(struct serve *serve)
{
    struct doors *doors = &serve->daemon.doors;
    enum kith_error error = setup_choose_peers(&serve->setup, &serve->admission);

    if (serve->setup.options->inetd)
        return error != OK ? error : serve_inetd_take(serve);
    doors->count = 1;
    if (error == OK)
        error = setup_take_listeners(&serve->setup, &doors->list[0], 1);
    if (error == OK)
        error = setup_listen(&serve->setup, &serve->asked, LISTEN_EVERYWHERE, &doors->list[0]);
    doors_describe(doors);
    return error;
}

/* Whom we call. */
static enum kith_error prepare_call(struct serve *serve)
{
    const struct options *options = serve->setup.options;
    enum kith_error error = setup_choose_callees(&serve->setup, &serve->callee, &serve->admission);

    if (error == OK && serve->callee.target[0] != '\0')
        error = log_failure(LOG_ERROR, options->what, options->call, ERR_USAGE,
                            "names a target, but the targets are on our side",
                            "--call PEER, and after it our own: NAME=TARGET");
    if (error == OK)
        error = setup_take_listeners(&serve->setup, serve->daemon.doors.list, 0);
    if (error == OK)
        error = setup_start_via(&serve->setup);
    serve_call_name(serve);
    return error;
}

/* Everything before the first call. */
static enum kith_error prepare(struct serve *serve, const struct options *options)
{
    bool calls = options->call != NULL;
    enum kith_error error = OK;

    serve->launcher = HELPER_NONE;
    if (options->place != NULL)
        error = setup_parse_address(&serve->asked, options, options->place, ADDRESS_PORT);
    if (error == OK)
        error = offer_read(&serve->offer, options);
    if (error != OK)
        return error;
    if (serve->offer.programs.count == 0)
        protect_started();
    error =
        setup_begin(&serve->setup, options, &options->call, calls ? 1 : 0,
                    calls ? KIND_SET(KIND_KEPT_BACK) : KIND_SET(KIND_PLAIN) | KIND_SET(KIND_KEPT));
    if (error == OK)
        error = calls ? prepare_call(serve) : prepare_callers(serve);
    if (error == OK)
        warn_of_conditions(serve);
    return error;
}

static struct daemon_terms terms_of(struct serve *serve)
{
    struct daemon_terms terms = setup_daemon_terms(&serve->setup, &serve->reload);

    terms.context = serve;
    terms.local = "the target";
    terms.sets_apart = !serve_calls(serve);
    terms.descriptors =
        setup_descriptors_of_channel(serve->setup.options) + offer_descriptors(&serve->offer);
    terms.pending = 512;
    terms.launcher = &serve->launcher;
    return terms;
}

enum kith_error command_serve(const struct options *options)
{
    static struct serve serve = {.admission = ADMISSION_NOBODY};
    static struct daemon_terms terms; /* for threads that are left at the end */
    enum kith_error error = prepare(&serve, options);

    if (error == OK) {
        terms = terms_of(&serve);
        error =
            daemon_run(&serve.daemon,
                       serve_calls(&serve) ? &serve_call_hooks : &serve_reception_hooks, &terms);
    }
    if (error == OK && options->inetd)
        error = serve_inetd_outcome(&serve);
    if (daemon_end(&serve.daemon, error)) {
        launcher_stop(&serve.launcher);
        reload_end(&serve.reload);
        setup_end(&serve.setup);
        admission_end(&serve.admission);
    }
    return error;
}
