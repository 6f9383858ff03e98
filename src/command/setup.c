/*
 * Owns the order in which a command gets ready: the key is read, and its keeper forked, before
 * anything that comes from outside is looked at.
 */
#include "command/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/problem.h"
#include "command/misuse.h"
#include "helpers/lookup.h"
#include "keys/identity.h"
#include "keys/key_file.h"
#include "net/passed.h"
#include "system/protect.h"
#include "system/signals.h"
#include "system/zone.h"

/* The files that a reload reads again: peers, and what --peer and PEER name. */
static void list_files(struct setup *setup, const char *peer)
{
    const struct options *options = setup->options;
    const char *at = peer == NULL ? NULL : strrchr(peer, '@');

    if (setup->directory.peers_error == OK)
        setup->files[setup->file_count++] = setup->peers_path;
    for (size_t i = 0; i < options->named_count; i++) {
        if (directory_is_file(options->named[i]))
            setup->files[setup->file_count++] = options->named[i];
    }
    if (at != NULL)
        (void)snprintf(setup->peer_file, sizeof(setup->peer_file), "%.*s", (int)(at - peer), peer);
    if (directory_is_file(setup->peer_file))
        setup->files[setup->file_count++] = setup->peer_file;
}

/*
 * Of what we were started with we keep what an option names, until it was read, and the sockets of
 * a supervisor: the rest is none of our business, and none of the programs' that we start. A path
 * that names a descriptor which is not there would mean one of our own from here on.
 */
static enum kith_error close_inherited(const struct setup *setup)
{
    const struct options *options = setup->options;
    const char *paths[PEERS_NAMED_MAX + 4] = {setup->identity_path, options->passphrase_file};
    int keep[PEERS_NAMED_MAX + 4 + 1 + LISTENERS_MAX + 1];
    size_t path_count = 2, count = 0;

    for (size_t i = 0; i < setup->file_count; i++)
        paths[path_count++] = setup->files[i];
    for (size_t i = 0; i < path_count; i++) {
        int fd = paths[i] == NULL ? -1 : key_file_find_descriptor(paths[i]);

        if (fd >= 0 && fcntl(fd, F_GETFD) < 0)
            return log_failure(LOG_ERROR, "descriptor", paths[i], ERR_FILE_MISSING,
                               "it is not open", NULL);
        keep[count++] = fd;
    }
    count += passed_list(keep + count);
    for (size_t i = 0; i < count; i++) { /* who closes it first leaves the other somebody else's */
        if (keep[i] >= 0 && keep[i] == options->ready_fd)
            return log_failure(LOG_ERROR, "--ready-fd", NULL, ERR_USAGE, "it has another use",
                               NULL);
    }
    keep[count++] = options->ready_fd;
    if (!protect_keep(keep, count))
        return log_failure(LOG_ERROR, "descriptors", NULL, ERR_SYSTEM, NULL, NULL);
    log_open();
    return OK;
}

/* The keeper has its own: this process, which faces the network, holds no descriptor of a secret.
 */
static void close_secrets(const struct setup *setup)
{
    const char *passphrase_file = setup->options->passphrase_file;

    protect_vacate(key_file_find_descriptor(setup->identity_path));
    if (passphrase_file != NULL)
        protect_vacate(key_file_find_descriptor(passphrase_file));
}

static void set_rules(struct setup *setup)
{
    const struct options *options = setup->options;

    setup->rules.params = (struct handshake_params){
        .synchrony_bound_ms = (uint64_t)options->synchrony_bound_ms,
        .max_handshake_age_ms = (uint64_t)options->max_handshake_age_ms,
    };
    setup->rules.namespace =
        (struct namespace){(const uint8_t *)options->namespace, strlen(options->namespace)};
    setup->rules.keeper = &setup->keeper;
    setup->calls = (struct call_terms){
        .net = &setup->net,
        .lookup = &setup->lookup,
        .rules = &setup->rules,
        .timeout_ms = options->handshake_timeout_ms,
    };
}

enum kith_error setup_start_lookup(struct setup *setup)
{
    size_t skipped = setup->file_count > 0 && setup->files[0] == setup->peers_path &&
                     !setup->directory.read; /* which nothing on the command line needs */
    const char *const *files = setup->files + skipped;

    setup->reload = (struct reload){
        .lookup = &setup->lookup,
        .keeper = &setup->keeper,
        .texts = setup->texts,
        .count = setup->file_count - skipped,
    };
    for (size_t i = 0; i < setup->reload.count; i++)
        setup->texts[i].path = files[i];
    return lookup_start(&setup->lookup, files, setup->reload.count);
}

void setup_confine(enum sandbox_role role, const struct sandbox_needs *needs)
{
    zone_hold(); /* which the times of the peers file are in, also when it is read again */
    endpoint_learn_zones();
    sandbox_enter(role, needs);
}

/* Those who may call, to a set. */
static enum kith_error choose(struct directory *directory, const struct options *options,
                              struct peers *chosen)
{
    enum kith_error error = OK;

    if (options->named_count == 0)
        error = directory_add_all(directory, chosen);
    for (size_t i = 0; error == OK && i < options->named_count; i++)
        error = directory_add(directory, options->named[i], chosen);
    return error;
}

/*
 * The same when they are read again: a name of --peer that the peers file has no longer is gone
 * with its line, as any other.
 */
static enum kith_error choose_anew(struct directory *directory, const struct options *options,
                                   struct peers *chosen)
{
    enum kith_error error = OK;

    if (options->named_count == 0)
        return choose(directory, options, chosen);
    for (size_t i = 0; error == OK && i < options->named_count; i++) {
        const char *named = options->named[i];
        bool lacks;

        error = directory_lacks(directory, named, &lacks);
        if (error == OK && lacks)
            log_event(LOG_NOTE, "peer", named, "no longer in the peers file", NULL);
        else if (error == OK)
            error = directory_add(directory, named, chosen);
    }
    return error;
}

/* A daemon goes on without: its peers may be read again. */
static enum kith_error expect_somebody(const struct setup *setup, const struct peers *chosen,
                                       const char *what)
{
    bool waits = (setup->options->command & FOR_DAEMONS) != 0;

    if (chosen->count > 0)
        return OK;
    (void)log_failure(waits ? LOG_NOTE : LOG_ERROR, what, NULL, ERR_NOBODY, NULL, NULL);
    return waits ? OK : ERR_NOBODY;
}

/*
 * Who is called. *gone is set if the peers file is in order, and does not name it: that is an
 * answer, too, when the file is read again.
 */
static enum kith_error find_callee(struct directory *directory, const char *peer,
                                   struct callee *callee, bool *gone)
{
    enum kith_error error = directory_callee(directory, peer, callee);

    *gone = error != OK && directory->read;
    return error;
}

/* In the keeper, whose memory has this as it was when that was forked. */
static enum kith_error read_peers(const void *context, const uint8_t own_key[static KEY_SIZE],
                                  struct peers *peers)
{
    const struct setup *setup = context;
    struct directory directory = {.peers_path = setup->peers_path,
                                  .peers_error = setup->directory.peers_error,
                                  .own_key = own_key};
    struct callee callee;
    bool gone = false;
    enum kith_error error;

    for (size_t i = 0; i < setup->file_count; i++) { /* here it would be one of our own */
        if (key_file_descriptor(setup->files[i]) >= 0)
            return ERR_FILE_MISSING;
    }
    if (setup->peer == NULL) {
        error = choose_anew(&directory, setup->options, peers);
    } else {
        error = find_callee(&directory, setup->peer, &callee, &gone);
        if (error == OK)
            error = peers_add(peers, callee.key, callee.name);
    }
    directory_free(&directory);
    if (error != OK)
        peers_free(peers);
    return gone ? OK : error;
}

/*
 * Start the keeper, and while it reads the key the rest of libcrypto, which it does not need.
 * Whatever is wrong here as well, a complaint about the identity comes first, and alone.
 */
static enum kith_error start_keeper(struct setup *setup, const struct keeper_task *task)
{
    enum kith_error started = crypto_start_keys();
    enum kith_error error = keeper_start(&setup->keeper, task);

    if (error != OK)
        return error;
    close_secrets(setup);
    if (started == OK)
        started = crypto_start();
    error = keeper_await(&setup->keeper);
    if (error == OK && started != OK)
        return log_failure(LOG_ERROR, "libcrypto", NULL, started, NULL, NULL);
    return error;
}

/*
 * Find the address that --source gives, and the zone after it, while the system can be asked. What
 * is none has no place in the list, and is said to be none once it is called from there.
 */
static void find_source(struct setup *setup)
{
    struct address source = {.port = "0"};

    if (setup->options->source == NULL)
        return;
    (void)snprintf(source.host, sizeof(source.host), "%s", setup->options->source);
    (void)resolve_number(&source, AF_UNSPEC, &setup->source);
    setup->net.source = &setup->source;
}

enum kith_error setup_begin(struct setup *setup, const struct options *options, const char *peer,
                            kind_set kinds)
{
    struct keeper_task task;
    enum kith_error error;

    if ((options->command & FOR_DAEMONS) != 0)
        signals_expect(); /* the key may be long in coming */
    memset(setup, 0, sizeof(*setup));
    setup->options = options;
    setup->keeper.helper = HELPER_NONE;
    setup->lookup = HELPER_NONE;
    setup->net = (struct net_options){.family = options->family, .first_with_syn = true};
    set_rules(setup);
    find_source(setup);
    error = path_of_identity(setup->identity_path, options->identity);
    if (error != OK)
        return identity_log_failure(error, "~/.config/kith/identity", true);
    setup->directory.peers_error = path_of_peers(setup->peers_path, options->peers);
    setup->rules.listens = peer == NULL ? kinds : 0;
    list_files(setup, peer);
    error = close_inherited(setup);
    if (error != OK)
        return error;
    task = (struct keeper_task){
        .identity = setup->identity_path,
        .identity_is_default = options->identity == NULL,
        .passphrase_file = options->passphrase_file,
        .namespace = setup->rules.namespace,
        .listens = peer == NULL ? kinds : 0,
        .calls = peer == NULL ? 0 : kinds,
        .read_peers = read_peers,
        .context = setup,
    };
    setup->peer = peer;
    setup->directory.peers_path = setup->peers_path;
    setup->directory.own_key = setup->keeper.public_key;
    return start_keeper(setup, &task);
}

enum kith_error setup_choose_peers(struct setup *setup, const char *what,
                                   struct admission *admission)
{
    struct peers chosen = {0};
    enum kith_error error = choose(&setup->directory, setup->options, &chosen);

    if (error == OK)
        error = expect_somebody(setup, &chosen, what);
    if (error == OK)
        error = keeper_tell_peers(&setup->keeper, &chosen);
    admission_replace(admission, &chosen);
    return error;
}

enum kith_error setup_choose_callee(struct setup *setup, struct callee *callee)
{
    struct peers chosen = {0};
    enum kith_error error = directory_callee(&setup->directory, setup->peer, callee);

    if (error != OK)
        return error;
    error = peers_add(&chosen, callee->key, callee->name);
    if (error != OK)
        error = log_failure(LOG_ERROR, "peer", setup->peer, error, NULL, NULL);
    else
        error = keeper_tell_peers(&setup->keeper, &chosen);
    peers_free(&chosen);
    return error;
}

/* What was read before is forgotten; the texts take its place. */
static void use_texts(struct setup *setup)
{
    directory_free(&setup->directory);
    setup->directory.texts = setup->texts;
    setup->directory.text_count = setup->reload.count;
}

enum kith_error setup_choose_again(struct setup *setup, const char *what, struct peers *chosen)
{
    enum kith_error error;

    use_texts(setup);
    error = choose_anew(&setup->directory, setup->options, chosen);
    if (error == OK)
        error = expect_somebody(setup, chosen, what);
    return error;
}

enum kith_error setup_find_again(struct setup *setup, struct callee *callee, bool *gone)
{
    enum kith_error error;

    use_texts(setup);
    error = find_callee(&setup->directory, setup->peer, callee, gone);
    return *gone ? OK : error;
}

void setup_report_reload(const struct setup *setup, const char *what, const char *which)
{
    if (setup->directory.from_files)
        log_event(LOG_NOTE, what, which, "the peers were read again", NULL);
    else
        log_event(LOG_NOTE, what, which,
                  "there is no file to read again: the peers were given as keys", NULL);
}

enum kith_error setup_parse_address(struct address *address, const char *what, const char *text,
                                    enum address_form form)
{
    struct problem problem = {.hint = NULL};

    if (address_parse(address, text, form, &problem))
        return OK;
    return log_failure(LOG_ERROR, what, text, ERR_USAGE, problem.why,
                       problem.hint != NULL ? problem.hint : misuse_guess_place(text, form));
}

enum kith_error setup_take_listeners(const char *what, struct listeners *listeners)
{
    enum kith_error error = passed_take(listeners);

    if (error == OK)
        return OK;
    return log_failure(LOG_ERROR, what, "LISTEN_FDS", error, "not sockets of a stream that listen",
                       NULL);
}

/* Without a host, --source says which address of ours is meant. */
static void take_source(struct address *address, const char *source)
{
    if (address->host[0] == '\0' && address->path[0] == '\0' && source != NULL)
        (void)snprintf(address->host, sizeof(address->host), "%s", source);
}

/* A name is resolved by the handshake's timeout, as one that is called: by a helper. */
static enum kith_error open_listeners(struct setup *setup, const struct address *here,
                                      enum listen_scope scope, struct listeners *listeners,
                                      const char **why)
{
    int64_t deadline_ms = clock_deadline_ms(setup->options->handshake_timeout_ms);
    struct resolved named;
    enum kith_error error;

    if (!address_has_name(here))
        return listeners_open(listeners, here, NULL, &setup->net, scope, why);
    address_format(listeners->text, here);
    error = lookup_resolve(&setup->lookup, here, setup->net.family, deadline_ms, &named, why);
    return error != OK ? error : listeners_open(listeners, here, &named, &setup->net, scope, why);
}

enum kith_error setup_listen(struct setup *setup, const char *what, const struct address *address,
                             enum listen_scope scope, struct listeners *listeners)
{
    struct address here = *address;
    const char *why = NULL;
    enum kith_error error = OK;

    if (scope == LISTEN_EVERYWHERE)
        take_source(&here, setup->options->source);
    (void)gethostname(setup->host, sizeof(setup->host) - 1); /* while the system can be asked */
    setup->passed = listeners->count > 0;
    if (!setup->passed)
        error = open_listeners(setup, &here, scope, listeners, &why);
    if (error != OK)
        return log_failure(LOG_ERROR, what, listeners->text, error, why, NULL);
    return OK;
}

/*
 * What is to be dialed to come to the listeners: the host as it was asked for, unless a supervisor
 * has chosen, and this machine's name if it is none in particular. False at a UNIX socket.
 */
static bool find_dialed(struct address *address, const struct setup *setup,
                        const struct listeners *listeners, const struct address *asked)
{
    if (!address_parse(address, listeners->text, ADDRESS_PORT, NULL))
        return false;
    if (!setup->passed) {
        memcpy(address->host, asked->host, HOST_SIZE);
        take_source(address, setup->options->source);
    }
    if (address->host[0] == '\0' || strcmp(address->host, "0.0.0.0") == 0 ||
        strcmp(address->host, "::") == 0)
        memcpy(address->host, setup->host, HOST_SIZE);
    return address->host[0] != '\0';
}

void setup_announce(const struct setup *setup, const char *what, const struct listeners *listeners,
                    const struct address *asked, const char *words, const char *ending)
{
    char key[KEY_HEX_SIZE], at[ADDRESS_TEXT_SIZE], line[544];
    struct address address;

    if (isatty(STDERR_FILENO) != 1 || !find_dialed(&address, setup, listeners, asked))
        return;
    address_format(at, &address);
    hex_encode(key, setup->keeper.public_key, KEY_SIZE);
    (void)snprintf(line, sizeof(line), "to call, type there: kith %s %s@%s%s", words, key, at,
                   ending);
    log_event(LOG_NOTE, what, listeners->text, line, NULL);
}

void setup_warn_of_path(const char *what, const char *address)
{
    if (strchr(address, '/') != NULL)
        log_event(
            LOG_NOTE, what, address,
            "at a UNIX socket, a program that has said nothing sees a broken channel as an end",
            "if it would take a part for the whole, use a port: there it is always reset");
}

void setup_dismiss_keeper(struct setup *setup)
{
    (void)signal(SIGCHLD, SIG_IGN); /* so that it leaves no zombie */
    helper_dismiss(&setup->keeper.helper);
}

void setup_end(struct setup *setup)
{
    reload_end(&setup->reload);
    helper_stop(&setup->lookup);
    helper_stop(&setup->keeper.helper);
    directory_free(&setup->directory);
}

struct daemon_terms setup_daemon_terms(const struct options *options)
{
    return (struct daemon_terms){
        .max_connections = options->max_connections,
        .max_per_peer = options->max_per_peer,
        .max_pending = options->max_pending,
        .max_message_size = options->max_message_size,
        .idle_timeout_ms = options->idle_timeout_ms,
        .drain_timeout_ms = options->drain_timeout_ms,
        .ready_fd = options->ready_fd,
    };
}
