/*
 * Owns the listen command: who may call, and the one call that is taken.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "log.h"
#include "pipe.h"
#include "reception.h"
#include "setup.h"

#define HOSTNAME_SIZE 256

/* Those who may call: everyone in the peers file, or the ones that --peer names. */
static enum kith_error choose_peers(struct setup *setup, struct peers *chosen)
{
    const struct options *options = setup->options;
    enum kith_error error = OK;

    if (options->named_count == 0)
        error = who_add_all(&setup->who, chosen);
    for (size_t i = 0; error == OK && i < options->named_count; i++)
        error = who_add(&setup->who, options->named[i], chosen);
    if (error == OK && chosen->count == 0)
        log_event(LOG_NOTE, "listen", NULL, "nobody is known, so nobody can call",
                  "add a peer's line to the peers file, or name one with --peer");
    return error;
}

static enum kith_error admit(void *context, const uint8_t signer[static KEY_SIZE],
                             const struct net_peer *from)
{
    const struct peers *chosen = context;
    const struct peer *peer = peers_find_key(chosen, signer);

    if (peer == NULL)
        return ERR_PEER_UNKNOWN;
    return peer_may_call(peer, (const struct sockaddr *)&from->address, clock_wall_ms());
}

/* What the caller is told nothing of is said here, exactly. */
static void log_refusal(void *context, const struct greeting *greeting)
{
    const struct peers *chosen = context;
    const uint8_t *key = greeting->handshake.peer;
    const struct peer *peer = peers_find_key(chosen, key);
    char who[WHO_TEXT_SIZE], which[WHO_TEXT_SIZE + ADDRESS_TEXT_SIZE + 24], why[256], skew[64];
    bool named = greeting->handshake.peer_timestamp_ms != 0;

    who_format(who, peer != NULL ? peer->name : "", key);
    (void)snprintf(which, sizeof(which), "%s%s%s", named ? who : "", named ? " at " : "",
                   greeting->peer.text);
    if (greeting->error == ERR_CLOCK_AHEAD || greeting->error == ERR_CLOCK_BEHIND) {
        clock_format_skew(skew, sizeof(skew), greeting->handshake.peer_timestamp_ms,
                          clock_wall_ms());
        (void)snprintf(why, sizeof(why), "refused: the clocks disagree: its clock is %s ours",
                       skew);
    } else if (greeting->error == ERR_HANDSHAKE_CUT && greeting->message == 3) {
        (void)snprintf(why, sizeof(why), "left once it had our answer, as a check does");
    } else {
        (void)snprintf(why, sizeof(why), "refused: %s", error_text(greeting->error));
    }
    log_event(LOG_NOTE, "listen", which, why,
              greeting->error == ERR_HANDSHAKE_CUT ? NULL : error_hint(greeting->error));
}

/* The line that a peer types to call us, for who sits at the terminal. */
static void announce(const struct setup *setup, const struct net_listeners *listeners,
                     const struct address *asked)
{
    char key[KEY_HEX_SIZE], host[HOSTNAME_SIZE] = "", at[ADDRESS_TEXT_SIZE], line[512];
    struct address address = *asked;
    const char *port = strrchr(listeners->text, ':');

    log_event(LOG_SUMMARY, "listen", listeners->text, "waiting for a call", NULL);
    if (isatty(STDERR_FILENO) != 1)
        return;
    if (address.host[0] == '\0' && gethostname(host, sizeof(host) - 1) == 0)
        (void)snprintf(address.host, sizeof(address.host), "%s", host);
    if (port != NULL)
        (void)snprintf(address.port, sizeof(address.port), "%s", port + 1);
    address_format(at, &address);
    hex_encode(key, setup->keeper.signer.public_key, KEY_SIZE);
    (void)snprintf(line, sizeof(line), "to call, type there: kith dial %s@%s", key, at);
    log_event(LOG_NOTE, "listen", listeners->text, line, NULL);
}

static enum kith_error complain(enum kith_error error, const char *which, const char *why)
{
    char reason[256];

    (void)snprintf(reason, sizeof(reason), "%s%s%s", error_text(error), why != NULL ? ": " : "",
                   why != NULL ? why : "");
    log_event(LOG_ERROR, "listen", which, reason, error_hint(error));
    return error;
}

/* Wait for the guest on an open listener, which is closed once there is one. */
static enum kith_error take_one(struct setup *setup, struct net_listeners *listeners,
                                struct peers *chosen, struct guest *guest)
{
    enum kith_error error;

    setup->rules.admit = admit;
    setup->rules.admit_context = chosen;
    error = reception_await(listeners, &setup->rules, setup->options->handshake_timeout_ms,
                            log_refusal, chosen, guest);
    net_listeners_close(listeners);
    if (error != OK)
        return complain(error, listeners->text, NULL);
    return OK;
}

enum kith_error command_listen(const struct options *options)
{
    struct setup setup;
    struct peers chosen = {0};
    struct net_listeners listeners = {0};
    struct address address;
    struct guest guest;
    const char *why = NULL;
    enum kith_error error = OK;

    if (!address_parse(&address, options->arguments[0], ADDRESS_PORT))
        return complain(ERR_USAGE, options->arguments[0], "not [HOST:]PORT");
    error = setup_begin(&setup, options);
    if (error == OK)
        error = choose_peers(&setup, &chosen);
    if (error == OK) {
        error = net_listen(&listeners, &address, &setup.net, &why);
        if (error != OK)
            (void)complain(error, options->arguments[0], why);
    }
    if (error == OK) {
        announce(&setup, &listeners, &address);
        setup_report_ready(options, listeners.text);
        error = take_one(&setup, &listeners, &chosen, &guest);
    }
    if (error == OK) {
        char who[WHO_TEXT_SIZE];

        who_format(who, peers_find_key(&chosen, guest.key)->name, guest.key);
        log_event(LOG_SUMMARY, "listen", who, "connected", NULL);
        error = pipe_run(options, "listen", guest.fd, &guest.keys, who, &guest.from);
        (void)close(guest.fd);
    }
    peers_free(&chosen);
    setup_end(&setup);
    return error;
}
