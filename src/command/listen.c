/*
 * Owns the listen command: who may call, and the one call that is taken.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/reception.h"
#include "calls/refusals.h"
#include "calls/replay.h"
#include "command/commands.h"
#include "command/pipe.h"
#include "command/setup.h"
#include "system/notify.h"

static enum kith_error admit(void *context, void *caller, const uint8_t signer[static KEY_SIZE],
                             const struct net_peer *from)
{
    const struct peers *chosen = context;
    const struct peer *peer = peers_find_key(chosen, signer);

    (void)caller;
    if (peer == NULL)
        return ERR_PEER_UNKNOWN;
    return peer_may_call(peer, (const struct sockaddr *)&from->address, clock_wall_ms());
}

/* A hello is good for one call: a stranger may have recorded it. */
static enum kith_error heard(void *caller, const uint8_t signer[static KEY_SIZE],
                             const uint8_t hello_digest[static HASH_SIZE])
{
    (void)caller;
    (void)signer;
    return replay_enter(hello_digest) ? OK : ERR_REPLAY;
}

static const char *name_of(void *context, const uint8_t key[static KEY_SIZE])
{
    const struct peer *peer = peers_find_key(context, key);

    return peer != NULL ? peer->name : "";
}

/* Wait for the guest on an open listener, which is closed once there is one. */
static enum kith_error take_one(struct setup *setup, struct net_listeners *listeners,
                                struct peers *chosen, struct guest *guest)
{
    static const struct sandbox_needs nothing;
    static struct refusals refusals;
    const struct options *options = setup->options;
    enum kith_error error;
    int problem;

    notify_ready_fd(options->ready_fd, listeners->text, true);
    setup_confine(setup, SANDBOX_LISTEN, &nothing);
    refusals_init(&refusals, "listen", listeners->text, NULL);
    setup->rules.admit = admit;
    setup->rules.admit_context = chosen;
    setup->rules.heard = heard;
    replay_start(options->max_handshake_age_ms + options->synchrony_bound_ms);
    error = reception_await(listeners, &setup->rules, options->handshake_timeout_ms, &refusals,
                            name_of, chosen, guest);
    problem = errno;
    net_listeners_close(listeners);
    if (error != OK)
        return setup_complain(error, "listen", listeners->text,
                              error == ERR_SYSTEM ? strerror(problem) : NULL);
    return OK;
}

enum kith_error command_listen(const struct options *options)
{
    struct setup setup;
    struct peers chosen = {0};
    struct net_listeners listeners = {0};
    struct address address;
    struct guest guest;
    struct pipe_ends ends;
    enum kith_error error = OK;

    error = setup_parse_address(&address, "listen", options->arguments[0], ADDRESS_PORT);
    if (error != OK)
        return error;
    error = setup_begin(&setup, options, NULL);
    if (error == OK)
        error = setup_choose_peers(&setup, "listen", &chosen);
    if (error == OK)
        error = setup_listen(&setup, "listen", &address, NET_EVERYWHERE, &listeners);
    if (error == OK)
        error = pipe_open(&ends, options, "listen", false);
    if (error == OK) {
        log_event(LOG_SUMMARY, "listen", listeners.text, "waiting for a call", NULL);
        setup_announce(&setup, "listen", &listeners, &address, "dial");
        error = take_one(&setup, &listeners, &chosen, &guest);
    }
    if (error == OK) {
        char who[WHO_TEXT_SIZE];

        setup_dismiss_keeper(&setup);
        who_format(who, peers_find_key(&chosen, guest.key)->name, guest.key);
        log_event(LOG_SUMMARY, "listen", who, "connected", NULL);
        error = pipe_run(&ends, options, "listen", guest.fd, &guest.keys, who, &guest.from);
        (void)close(guest.fd);
    }
    peers_free(&chosen);
    setup_end(&setup);
    return error;
}
