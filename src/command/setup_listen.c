/*
 * Owns the way from a place on the command line to sockets that listen there. Must never open one
 * beside those that a supervisor has passed.
 */
#include "command/setup_listen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "command/misuse.h"
#include "net/passed.h"

enum kith_error setup_parse_address(struct address *address, const struct options *options,
                                    const char *text, enum address_form form)
{
    struct problem problem = {.hint = NULL};
    char hint[MISUSE_HINT_SIZE];

    if (form == ADDRESS_LOCAL && misuse_has_far_end(text))
        return log_failure(LOG_ERROR, options->what, text, ERR_USAGE,
                           "not PORT, HOST:PORT, or a path with a /", MISUSE_FAR_END);
    if (address_parse(address, text, form, &problem))
        return OK;
    return log_failure(LOG_ERROR, options->what, text, ERR_USAGE, problem.why,
                       problem.hint != NULL ? problem.hint
                                            : misuse_guess_place(hint, options, text));
}

enum kith_error setup_take_listeners(const struct setup *setup, struct listeners *list,
                                     size_t places)
{
    struct problem problem = {.why = ""};
    enum kith_error error = passed_take(list, places, &problem);

    if (error == OK)
        return OK;
    return log_failure(LOG_ERROR, setup->options->what, "LISTEN_FDS", error, problem_why(&problem),
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
                                      struct problem *problem)
{
    int64_t deadline_ms = clock_deadline_ms(setup->options->handshake_timeout_ms);
    struct resolved named;
    enum kith_error error;

    if (!address_has_name(here))
        return listeners_open(listeners, here, NULL, &setup->net, scope, problem);
    address_format(listeners->text, here);
    error = lookup_resolve(&setup->lookup, here, setup->net.family, deadline_ms, &named, problem);
    return error != OK ? error
                       : listeners_open(listeners, here, &named, &setup->net, scope, problem);
}

enum kith_error setup_listen(struct setup *setup, const struct address *address,
                             enum listen_scope scope, struct listeners *listeners)
{
    struct address here = *address;
    struct problem problem = {.why = ""};
    enum kith_error error = OK;

    if (scope == LISTEN_EVERYWHERE)
        take_source(&here, setup->options->source);
    (void)gethostname(setup->host, sizeof(setup->host) - 1); /* while the system can be asked */
    setup->passed = listeners->count > 0;
    if (!setup->passed)
        error = open_listeners(setup, &here, scope, listeners, &problem);
    if (error != OK)
        return log_failure(LOG_ERROR, setup->options->what, listeners->text, error,
                           problem_why(&problem), problem.hint);
    return OK;
}

bool setup_find_dialed(struct address *address, const struct setup *setup,
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

void setup_announce(const struct setup *setup, const struct listeners *listeners,
                    const struct address *asked, const char *words, const char *ending)
{
    char key[KEY_HEX_SIZE], at[ADDRESS_TEXT_SIZE], line[544], hint[HOST_SIZE + 80];
    struct address address;

    if (isatty(STDERR_FILENO) != 1 || !setup_find_dialed(&address, setup, listeners, asked))
        return;
    address_format(at, &address);
    hex_encode(key, setup->keeper.public_key, KEY_SIZE);
    (void)snprintf(line, sizeof(line), "to call, type there: kith %s %s@%s%s", words, key, at,
                   ending);
    (void)snprintf(hint, sizeof(hint), SETUP_HOST_HINT, setup->host);
    log_event(LOG_NOTE, setup->options->what, listeners->text, line,
              strcmp(address.host, setup->host) == 0 ? hint : NULL);
}

void setup_warn_of_program(const struct options *options, const char *program, const char *obstacle)
{
    char why[128];

    if (obstacle == NULL)
        return;
    (void)snprintf(why, sizeof(why), "warning: %s", obstacle);
    log_event(LOG_NOTE, options->what, program, why, "a call that comes before it is there fails");
}

void setup_warn_of_path(const struct options *options, const char *address)
{
    if (strchr(address, '/') != NULL)
        log_event(
            LOG_NOTE, options->what, address,
            "at a UNIX socket, a program that has said nothing sees a broken channel as an end",
            "if it would take a part for the whole, use a port: there it is always reset");
}
