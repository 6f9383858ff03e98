/*
 * Owns the order in which a command gets ready: the key is read, and its keeper forked, before
 * anything that comes from outside is looked at. Must never hold the private key itself.
 */
#include "command/setup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/inherited.h"
#include "command/may_call.h"
#include "helpers/launcher.h"
#include "keys/identity.h"
#include "keys/key_file.h"
#include "system/signals.h"
#include "system/zone.h"

/* The files that a reload reads again: peers, and what --peer and PEER name. */
static enum kith_error list_files(struct setup *setup)
{
    const struct options *options = setup->options;

    if (setup->directory.peers_error == OK)
        setup->files[setup->file_count++] = setup->peers_path;
    for (size_t i = 0; i < options->named_count; i++) {
        if (directory_is_file(options->named[i]))
            setup->files[setup->file_count++] = options->named[i];
    }
    return callees_list_files(&setup->callees, setup->files, &setup->file_count);
}

/* The namespace of this run. */
static enum kith_error read_namespace(struct setup *setup)
{
    const char *given = setup->options->namespace != NULL ? setup->options->namespace : "kith";
    enum kith_error error =
        inherited_read_namespace(&setup->namespace, setup->options, setup->identity_path);

    if (error == OK && setup->namespace != NULL)
        setup->rules.namespace = secret_namespace_view(setup->namespace);
    else if (error == OK)
        setup->rules.namespace = (struct namespace){(const uint8_t *)given, strlen(given)};
    return error;
}

/* No handshake follows. */
static void forget_namespace(struct setup *setup)
{
    secret_namespace_release(setup->namespace);
    setup->namespace = NULL;
    setup->rules.namespace = (struct namespace){NULL, 0};
}

static void set_rules(struct setup *setup)
{
    const struct options *options = setup->options;

    setup->rules.params = (struct handshake_params){
        .synchrony_bound_ms = (uint64_t)options->synchrony_bound_ms,
        .max_handshake_age_ms = (uint64_t)options->max_handshake_age_ms,
    };
    setup->rules.keeper = &setup->keeper;
    setup->calls = (struct call_terms){
        .net = &setup->net,
        .lookup = &setup->lookup,
        .rules = &setup->rules,
        .timeout_ms = options->handshake_timeout_ms,
    };
}

void setup_confine(enum sandbox_role role, const struct sandbox_needs *needs)
{
    zone_hold(); /* which the times of the peers file are in, also when it is read again */
    endpoint_learn_zones();
    sandbox_enter(role, needs);
}

/* In the keeper, whose memory has this as it was when that was forked. */
static enum kith_error read_peers(const void *context, const uint8_t own_key[static KEY_SIZE],
                                  struct peers *peers)
{
    const struct setup *setup = context;
    struct directory directory = {.peers_path = setup->peers_path,
                                  .peers_error = setup->directory.peers_error,
                                  .own_key = own_key};
    enum kith_error error;

    for (size_t i = 0; i < setup->file_count; i++) { /* here it would be one of our own */
        if (key_file_descriptor(setup->files[i]) >= 0)
            return ERR_FILE_MISSING;
    }
    if (setup->callees.count == 0)
        error = may_call_read_again(&directory, setup->options, peers);
    else
        error = callees_add(&setup->callees, &directory, peers);
    directory_free(&directory);
    if (error != OK)
        peers_free(peers);
    return error;
}

/*
 * Start the keeper, and while it reads the key the rest of libcrypto, which it does not need.
 * Whatever is wrong here as well, a complaint about the identity comes first, and alone.
 */
static enum kith_error start_keeper(struct setup *setup, const struct keeper_task *task)
{
    enum kith_error error, started = crypto_start_keys();

    if (started == ERR_MEMORY) /* nor would the keeper have any */
        return log_failure(LOG_ERROR, "libcrypto", NULL, started, NULL, NULL);
    error = keeper_start(&setup->keeper, task);
    if (error != OK)
        return error;
    inherited_close_secrets(setup->options, setup->identity_path);
    if (setup->namespace != NULL)
        secret_namespace_withhold(setup->namespace);
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

static void clear(struct setup *setup, const struct options *options)
{
    memset(setup, 0, sizeof(*setup));
    setup->options = options;
    setup->keeper.helper = HELPER_NONE;
    setup->lookup = HELPER_NONE;
    setup->via = HELPER_NONE;
    setup->net = (struct net_options){.family = options->family, .first_with_syn = true};
}

/* For who looks for a fault: others have to know this one. */
static void log_own_key(const struct setup *setup)
{
    char hex[KEY_HEX_SIZE], why[KEY_HEX_SIZE + 32];

    hex_encode(hex, setup->keeper.public_key, KEY_SIZE);
    (void)snprintf(why, sizeof(why), "our public key is %s", hex);
    log_event(LOG_DEBUG, "identity", setup->identity_path, why, NULL);
}

enum kith_error setup_begin(struct setup *setup, const struct options *options,
                            const char *const *callees, size_t callee_count, kind_set kinds)
{
    bool meets = options->command == FOR_MEET;
    bool calls = options->accept == NULL && (callee_count > 0 || (meets && !options->listen));
    struct keeper_task task;
    enum kith_error error;

    if ((options->command & FOR_DAEMONS) != 0)
        signals_expect(); /* the key may be long in coming */
    clear(setup, options);
    set_rules(setup);
    find_source(setup);
    error = path_of_identity(setup->identity_path, options->identity);
    if (error != OK)
        return identity_log_failure(error, USUAL_IDENTITY, true);
    setup->directory.peers_error = path_of_peers(setup->peers_path, options->peers);
    setup->rules.listens = calls ? 0 : kinds;
    setup->callees = (struct callees){
        .given = callees,
        .count = callee_count,
        .call_us = options->accept != NULL,
    };
    error = list_files(setup);
    if (error == OK)
        error =
            inherited_close_others(options, setup->identity_path, setup->files, setup->file_count);
    if (error == OK)
        error = read_namespace(setup);
    if (error != OK)
        return error;
    task = (struct keeper_task){
        .identity = setup->identity_path,
        .identity_is_default = options->identity == NULL,
        .passphrase_file = options->passphrase_file,
        .agent_timeout_ms = options->handshake_timeout_ms / 4 * 3, /* who waits hears of it */
        .namespace = setup->rules.namespace,
        .meets = meets,
        .listens = calls ? 0 : kinds,
        .calls = calls ? kinds : 0,
        .read_peers = read_peers,
        .context = setup,
    };
    setup->directory.peers_path = setup->peers_path;
    setup->directory.own_key = setup->keeper.public_key;
    error = start_keeper(setup, &task);
    if (error == OK)
        log_own_key(setup);
    return error;
}

enum kith_error setup_choose_peers(struct setup *setup, struct admission *admission)
{
    struct peers chosen = {0};
    enum kith_error error = may_call_read(&setup->directory, setup->options, &chosen);

    if (error == OK)
        error = may_call_expect(setup->options, &chosen);
    if (error == OK)
        error = keeper_tell_peers(&setup->keeper, &chosen);
    admission_replace(admission, &chosen);
    return error;
}

/* Who gives a namespace means it to be used. */
static void note_namespaces(const struct setup *setup, const struct callee *callees)
{
    const struct options *options = setup->options;

    if (options->namespace == NULL && options->namespace_file == NULL)
        return;
    for (size_t i = 0; i < setup->callees.count; i++) {
        if (callees[i].namespace != NULL)
            log_event(LOG_NOTE, "peer", setup->callees.given[i],
                      options->namespace != NULL ? "--namespace is not used"
                                                 : "--namespace-file is not used",
                      "its line in the peers file has a namespace-file, which is used instead");
    }
}

enum kith_error setup_choose_callees(struct setup *setup, struct callee *callees,
                                     struct admission *admission)
{
    struct peers chosen = {0};
    enum kith_error error = callees_find(&setup->callees, &setup->directory, callees, &chosen);

    if (error == OK)
        note_namespaces(setup, callees);
    if (error == OK)
        error = keeper_tell_peers(&setup->keeper, &chosen);
    if (admission != NULL)
        admission_replace(admission, &chosen);
    peers_free(&chosen);
    return error;
}

void setup_dismiss_keeper(struct setup *setup)
{
    (void)signal(SIGCHLD, SIG_IGN); /* so that it leaves no zombie */
    helper_dismiss(&setup->keeper.helper);
    directory_free(&setup->directory);
    forget_namespace(setup);
}

void setup_end(struct setup *setup)
{
    launcher_stop(&setup->via);
    helper_stop(&setup->lookup);
    helper_stop(&setup->keeper.helper);
    directory_free(&setup->directory);
    forget_namespace(setup);
    callees_end(&setup->callees);
}
