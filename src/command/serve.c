/*
 * Owns the serve command: each known peer that calls is joined to a target, or to a program that
 * is started for it. Must never touch the target before its caller has proven who it is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/proxy_protocol.h"
#include "calls/replay.h"
#include "command/commands.h"
#include "command/setup.h"
#include "daemon/daemon.h"
#include "daemon/program.h"
#include "net/connect.h"
#include "net/net_socket.h"
#include "net/source_list.h"
#include "system/signals.h"

struct serve {
    struct setup setup;
    struct address asked;    /* where we are to listen, as it was given */
    const char *target_text; /* as it was given, or the program's name: what permit-target names */
    struct address target;
    pthread_mutex_t lock;
    struct peers chosen; /* under the lock: swapped whole by a reload */
    struct peers fresh;  /* of a reload that is under way */
    struct daemon daemon;
};

/* Whether a key may call now; its name is copied out. */
static enum kith_error look_up(struct serve *serve, const uint8_t key[static KEY_SIZE],
                               const struct net_peer *from, char name[static NAME_SIZE])
{
    enum kith_error error = ERR_PEER_UNKNOWN;
    const struct peer *peer;

    name[0] = '\0';
    (void)pthread_mutex_lock(&serve->lock);
    peer = peers_find_key(&serve->chosen, key);
    if (peer != NULL) {
        memcpy(name, peer->name, NAME_SIZE);
        error = peer_may_call(peer, (const struct sockaddr *)&from->address, clock_wall_ms());
        if (error == OK && !peer_permits_target(peer, serve->target_text))
            error = ERR_PEER_TARGET;
    }
    (void)pthread_mutex_unlock(&serve->lock);
    return error;
}

static enum kith_error admit(void *context, void *caller, const uint8_t signer[static KEY_SIZE],
                             const struct net_peer *from)
{
    struct connection *connection = caller;
    char name[NAME_SIZE];

    atomic_store(&connection->spoken, true);
    return look_up(context, signer, from, name);
}

/* A hello is good for one call: a stranger may have recorded it. */
static enum kith_error heard(void *caller, const uint8_t signer[static KEY_SIZE],
                             const uint8_t hello_digest[static HASH_SIZE])
{
    struct connection *connection = caller;
    struct serve *serve = connection->owner;

    if (!replay_enter(hello_digest))
        return ERR_REPLAY;
    return registry_heard(&serve->daemon.registry, connection, signer);
}

/* Log why a caller is not let in; the reason of somebody else who has ended it comes first. */
static void say_refusal(struct serve *serve, struct connection *connection, struct handshake_io *io)
{
    struct registry *registry = &serve->daemon.registry;
    enum kith_error ending = registry_ending(registry, connection);
    char name[NAME_SIZE], most[REGISTRY_MOST_SIZE];

    if (ending != OK)
        io->error = ending;
    registry_say_most(most, registry->limits.per_peer);
    (void)look_up(serve, io->handshake.peer, &connection->from, name);
    refusals_add(&serve->daemon.refusals, io, name, io->error == ERR_TOO_MANY ? most : NULL);
}

/* From here on the caller is a known peer, or there is none. */
static enum kith_error greet(struct daemon *daemon, struct connection *connection,
                             struct session_keys *keys)
{
    struct serve *serve = daemon->hooks->context;
    int64_t deadline_ms = clock_deadline_ms(serve->setup.options->handshake_timeout_ms);
    struct handshake_io io;
    char name[NAME_SIZE];
    enum kith_error error = OK;

    handshake_io_listen(&io, &serve->setup.rules, transport_socket(connection->fd),
                        &connection->from, deadline_ms);
    io.caller = connection;
    connection->owner = serve;
    if (serve->setup.options->accept_proxy != NULL &&
        source_list_holds(serve->setup.options->accept_proxy,
                          (const struct sockaddr *)&connection->from.address)) {
        error = proxy_read(connection->fd, deadline_ms, &io.peer);
        if (error == OK)
            error = registry_locate(&daemon->registry, connection, &io.peer);
    }
    if (error == OK)
        error = handshake_io_finish(&io);
    if (error == OK)
        error = look_up(serve, io.handshake.peer, &connection->from, name);
    if (error == OK)
        error =
            registry_open(&daemon->registry, connection, io.handshake.peer, name, connection->fd);
    if (error == OK) /* once more: a reload in between did not see this channel */
        error = look_up(serve, io.handshake.peer, &connection->from, name);
    if (error == OK) {
        *keys = io.keys;
    } else {
        io.error = error;
        say_refusal(serve, connection, &io);
    }
    handshake_io_wipe(&io);
    return error;
}

/* Connect to an address by the deadline. */
static enum kith_error try_target(const struct serve *serve, const struct address *address,
                                  int64_t deadline_ms, int *fd, const char **reason)
{
    static const struct net_options net = {.family = AF_UNSPEC};
    struct resolved found;
    struct net_peer reached;
    enum kith_error error;

    *fd = -1;
    if (address->path[0] != '\0')
        return net_connect_path(address->path, deadline_ms, fd, reason);
    error = lookup_resolve(&serve->setup.lookup, address, net.family, deadline_ms, &found, reason);
    return error != OK ? error : net_connect(&found, &net, deadline_ms, fd, &reached, reason);
}

/*
 * Connect to the target by the handshake's timeout. A port alone is on either loopback address:
 * tried as numbers, since the resolver would take longer than all the rest. tried is the address
 * that *reason is about.
 */
static enum kith_error connect_target(const struct serve *serve, int *fd,
                                      char tried[static ADDRESS_TEXT_SIZE], const char **reason)
{
    int64_t deadline_ms = clock_deadline_ms(serve->setup.options->handshake_timeout_ms);
    struct address target = serve->target;
    bool any = target.host[0] == '\0' && target.path[0] == '\0';
    const char *other_reason;
    enum kith_error error;

    if (any)
        memcpy(target.host, "127.0.0.1", sizeof("127.0.0.1"));
    address_format(tried, &target);
    error = try_target(serve, &target, deadline_ms, fd, reason);
    if (any && (error == ERR_CONNECT || error == ERR_CONNECT_REFUSED)) {
        memcpy(target.host, "::1", sizeof("::1"));
        if (try_target(serve, &target, deadline_ms, fd, &other_reason) == OK)
            error = OK;
    }
    return error;
}

/* Connect to the target and tell it who has called, if it is to know. -1 if that fails. */
static int reach_target(const struct serve *serve, const struct connection *connection)
{
    const struct options *options = serve->setup.options;
    struct net_peer local;
    uint8_t header[PROXY_HEADER_MAX];
    char which[DAEMON_WHICH_SIZE], tried[ADDRESS_TEXT_SIZE], why[ADDRESS_TEXT_SIZE + 128];
    const char *reason = NULL;
    enum kith_error error;
    size_t len;
    int fd;

    error = connect_target(serve, &fd, tried, &reason);
    if (error == OK && options->proxy_protocol) {
        net_local_address(connection->fd, &local);
        len = proxy_header(header, &connection->from, (struct sockaddr *)&local.address,
                           connection->key, connection->name);
        /* The first bytes of a new connection: its buffer takes them. */
        if (send(fd, header, len, 0) != (ssize_t)len) {
            reason = strerror(errno);
            (void)close(fd);
            fd = -1;
        }
    }
    if (fd < 0) {
        daemon_describe(which, connection, connection->from.text);
        (void)snprintf(why, sizeof(why), "%s %s: %s", error_text(ERR_TARGET), tried,
                       reason != NULL ? reason : error_text(error));
        log_event(LOG_ERROR, "serve", which, why,
                  error == ERR_CONNECT_TIMEOUT ? error_hint(error) : NULL);
    }
    return fd;
}

static void join_target(struct serve *serve, struct connection *connection,
                        struct session_keys *keys)
{
    int fd = reach_target(serve, connection);
    struct local_end end;

    if (fd < 0)
        return;
    end = local_end_socket(fd);
    (void)daemon_join(&serve->daemon, connection, transport_socket(connection->fd), keys, &end);
    (void)close(fd);
}

static void join_program(struct serve *serve, struct connection *connection,
                         struct session_keys *keys)
{
    struct registry *registry = &serve->daemon.registry;
    char *const *argv = serve->setup.options->program;
    struct program program;

    if (program_start(&program, registry, connection, argv) == OK) {
        struct local_end end =
            local_end_program(program.out, program.in, program.end_fd, program_result, &program);

        (void)daemon_join(&serve->daemon, connection, transport_socket(connection->fd), keys, &end);
        program.in = end.outlet.fd;
    } else {
        program.problem = errno;
    }
    program_stop(&program, registry, connection);
    if (program.problem != 0)
        log_event(LOG_ERROR, "serve", argv[0], strerror(program.problem), "see --exec");
}

static void run(struct daemon *daemon, struct connection *connection)
{
    struct serve *serve = daemon->hooks->context;
    struct session_keys keys;

    if (greet(daemon, connection, &keys) != OK)
        return;
    if (serve->setup.options->program != NULL)
        join_program(serve, connection, &keys);
    else
        join_target(serve, connection, &keys);
    session_keys_wipe(&keys);
}

/* A visit: end the channel of a key that may no longer call. */
static void end_if_gone(struct connection *connection, void *context)
{
    char name[NAME_SIZE];
    enum kith_error error;

    if (connection->state != CONNECTION_OPEN)
        return;
    error = look_up(context, connection->key, &connection->from, name);
    if (error != OK)
        registry_end(connection, error == ERR_PEER_UNKNOWN ? ERR_REMOVED : error);
}

static void begin_reload(struct daemon *daemon)
{
    struct serve *serve = daemon->hooks->context;

    reload_begin(&serve->setup.reload);
}

static int64_t arm_reload(struct daemon *daemon, struct poll_set *set)
{
    struct serve *serve = daemon->hooks->context;

    return reload_arm(&serve->setup.reload, set);
}

/* The keeper has them as well: they count from here on. */
static void take_fresh(struct daemon *daemon)
{
    struct serve *serve = daemon->hooks->context;
    struct peers before;

    (void)pthread_mutex_lock(&serve->lock);
    before = serve->chosen;
    serve->chosen = serve->fresh;
    (void)pthread_mutex_unlock(&serve->lock);
    serve->fresh = (struct peers){0};
    peers_free(&before);
    registry_each(&daemon->registry, end_if_gone, serve);
    setup_report_reload(&serve->setup, "serve", daemon->listeners.text);
}

static bool step_reload(struct daemon *daemon, const struct poll_set *set)
{
    struct serve *serve = daemon->hooks->context;
    struct reload *reload = &serve->setup.reload;
    enum reload_result result = reload_step(reload, set);

    if (result == RELOAD_GOES_ON)
        return false;
    if (result == RELOAD_HAS_TEXTS &&
        setup_choose_again(&serve->setup, "serve", &serve->fresh) == OK &&
        reload_ask_keeper(reload))
        return false;
    if (result == RELOAD_DONE)
        take_fresh(daemon);
    else
        log_event(LOG_ERROR, "serve", daemon->listeners.text, "the peers stay as they were", NULL);
    peers_free(&serve->fresh);
    reload_end(reload);
    return true;
}

/* A program is not confined, since it would be for good; nor are we then, who start it. */
static enum kith_error confine(struct daemon *daemon)
{
    struct serve *serve = daemon->hooks->context;
    const struct sandbox_needs needs = {
        .connects = serve->target.path[0] == '\0',
        .connects_locally = serve->target.path[0] != '\0',
        .port = (uint16_t)strtoul(serve->target.port, NULL, 10),
    };
    enum kith_error error = setup_start_lookup(&serve->setup);

    if (error != OK)
        return error;
    if (serve->setup.options->program != NULL)
        log_event(LOG_SUMMARY, "sandbox", NULL, "none, since programs are started", NULL);
    else
        setup_confine(SANDBOX_DAEMON, &needs);
    return OK;
}

/*
 * What stands at a port is reached through a port there: the same one, unless only root may have
 * it; then the one that is free.
 */
static void announce(struct daemon *daemon)
{
    struct serve *serve = daemon->hooks->context;
    unsigned long port = strtoul(serve->target.port, NULL, 10);
    char words[32] = "dial";
    bool program = serve->setup.options->program != NULL;
    char line[ADDRESS_TEXT_SIZE + 96];

    (void)snprintf(line, sizeof(line), "each caller is joined to %s%.300s; %zu peer%s may call",
                   program ? "a program: " : "", serve->target_text, serve->chosen.count,
                   serve->chosen.count == 1 ? "" : "s");
    log_event(LOG_NOTE, "serve", daemon->listeners.text, line, NULL);

    if (serve->setup.options->program == NULL && serve->target.path[0] == '\0')
        (void)snprintf(words, sizeof(words), "forward %lu", port < 1024 ? 0 : port);
    setup_announce(&serve->setup, "serve", &daemon->listeners, &serve->asked, words);
    setup_warn_of_path("serve", serve->target.path);
}

/* Everything before the first call. */
static enum kith_error prepare(struct serve *serve, const struct options *options)
{
    enum kith_error error;

    serve->target_text = options->program != NULL ? options->program[0] : options->arguments[1];
    error = setup_parse_address(&serve->asked, "serve", options->arguments[0], ADDRESS_PORT);
    if (error == OK && options->program == NULL)
        error = setup_parse_address(&serve->target, "serve", serve->target_text, ADDRESS_TARGET);
    if (error != OK)
        return error;
    error = setup_begin(&serve->setup, options, NULL);
    if (error == OK)
        error = setup_choose_peers(&serve->setup, "serve", &serve->chosen);
    replay_start(options->max_handshake_age_ms + options->synchrony_bound_ms);
    if (error == OK)
        error = setup_take_listeners("serve", &serve->daemon.listeners);
    if (error == OK)
        error = setup_listen(&serve->setup, "serve", &serve->asked, NET_EVERYWHERE,
                             &serve->daemon.listeners);
    return error;
}

enum kith_error command_serve(const struct options *options)
{
    static struct serve serve = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bool local = options->program == NULL && strchr(options->arguments[1], '/') != NULL;
    const struct daemon_hooks hooks = {
        .what = "serve",
        .faces_network = true,
        .descriptors = options->program != NULL ? 5
                       : local                  ? 3
                                                : 2, /* see stream/hold.h */
        .pending = 512,
        .keeper = &serve.setup.keeper.helper,
        .lookup = &serve.setup.lookup,
        .context = &serve,
        .confine = confine,
        .announce = announce,
        .run = run,
        .reload_begin = begin_reload,
        .reload_arm = arm_reload,
        .reload_step = step_reload,
    };
    const struct daemon_terms terms = setup_daemon_terms(options);
    enum kith_error error = prepare(&serve, options);

    serve.setup.rules.admit = admit;
    serve.setup.rules.admit_context = &serve;
    serve.setup.rules.heard = heard;
    if (error == OK)
        error = daemon_run(&serve.daemon, &hooks, &terms);
    if (daemon_end(&serve.daemon, error)) {
        setup_end(&serve.setup);
        peers_free(&serve.chosen);
    }
    return error;
}
