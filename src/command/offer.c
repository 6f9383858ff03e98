/*
 * Owns the targets that serve has. Must never let two be meant by one name.
 */
#include "command/offer.h"

#include <stdio.h>

#include "base/log.h"
#include "command/setup_listen.h"
#include "net/unix_socket.h"

/* Add a target; words are those of a program, else NULL. */
static void add_target(struct offer *offer, const struct target *target, char *const *words)
{
    struct target *added = &offer->list[offer->all.count++];

    *added = *target;
    if (words == NULL)
        return;
    added->program = offer->programs.count;
    offer->words[offer->programs.count++] = words;
}

/* The words that have a shell run a command line; NULL for a target that is none. */
static char *const *words_of(struct offer *offer, const struct target *target)
{
    char **words = offer->shells[offer->all.count];

    if (target->line == NULL)
        return NULL;
    program_line_words(words, (char *)(uintptr_t)target->line);
    return words;
}

static enum kith_error refuse_target(const struct offer *offer, const char *given, const char *why,
                                     const char *hint)
{
    return log_failure(LOG_ERROR, offer->options->what, given, ERR_USAGE, why, hint);
}

/* One is there that would be meant, too. */
static enum kith_error refuse_second(const struct offer *offer, const struct target *target,
                                     const char *given)
{
    const struct options *options = offer->options;

    if (target->name[0] != '\0')
        return refuse_target(offer, given, "a second target of this name", NULL);
    return refuse_target(
        offer, given,
        options->program != NULL ? "--exec replaces TARGET" : "a second target without a name",
        options->place != NULL
            ? "several are told apart by names: NAME=TARGET"
            : "no PORT comes before them here; several are told apart by names: NAME=TARGET");
}

/* Read one, and look whether what is at its path is a socket, or may come to be one. */
static enum kith_error read_target(const struct offer *offer, struct target *target,
                                   const char *given)
{
    struct problem problem = {.hint = NULL};
    const char *obstacle;

    if (!target_parse(target, given, &problem))
        return refuse_target(offer, given, problem.why, problem.hint);
    obstacle = unix_socket_obstacle(target->address.path);
    if (obstacle != NULL)
        return log_failure(LOG_ERROR, offer->options->what, given, ERR_TARGET, obstacle, NULL);
    return OK;
}

/* Add those of the arguments that have a name, or those that have none. */
static enum kith_error add_arguments(struct offer *offer, bool named)
{
    const struct options *options = offer->options;

    for (int i = 0; i < options->target_count; i++) {
        const char *given = options->targets[i];
        struct target target;
        enum kith_error error = read_target(offer, &target, given);

        if (error != OK)
            return error;
        if ((target.name[0] != '\0') != named)
            continue;
        if (targets_find(&offer->all, target.name) != NULL)
            return refuse_second(offer, &target, given);
        add_target(offer, &target, words_of(offer, &target));
    }
    return OK;
}

static bool has_kind(const struct offer *offer, enum target_kind kind)
{
    for (size_t i = 0; i < offer->all.count; i++) {
        if (offer->list[i].kind == kind)
            return true;
    }
    return false;
}

/* A header of the PROXY protocol is for targets that are connected to. */
static enum kith_error check_header(const struct offer *offer)
{
    if (!offer->options->proxy_protocol || has_kind(offer, TARGET_ADDRESS) ||
        has_kind(offer, TARGET_PATH))
        return OK;
    return refuse_target(offer, "--proxy-protocol", "no target takes a header",
                         "a program has the caller's address in its environment");
}

/* It may come later; but who has mistyped it hears of it before those who call. */
static void warn_of_programs(const struct offer *offer)
{
    for (size_t i = 0; i < offer->all.count; i++) {
        const struct target *target = &offer->list[i];

        if (target->kind == TARGET_PROGRAM)
            setup_warn_of_program(offer->options, target->text,
                                  target->line != NULL ? program_line_obstacle(target->line)
                                                       : program_file_obstacle(target->text));
    }
}

enum kith_error offer_read(struct offer *offer, const struct options *options)
{
    enum kith_error error;

    offer->options = options;
    offer->all = offer->unnamed = (struct targets){offer->list, 0};
    offer->programs = (struct programs){.list = offer->words};
    if (options->program != NULL) {
        const struct target program = target_of_program(options->program[0]);

        add_target(offer, &program, options->program);
    }
    error = add_arguments(offer, false);
    offer->unnamed.count = offer->all.count;
    if (error == OK)
        error = add_arguments(offer, true);
    if (error == OK)
        error = check_header(offer);
    if (error == OK && !options->inetd) /* where the first call is at hand */
        warn_of_programs(offer);
    return error;
}

struct sandbox_needs offer_needs(struct offer *offer)
{
    struct sandbox_needs needs = {
        .connects = has_kind(offer, TARGET_ADDRESS),
        .connects_locally = has_kind(offer, TARGET_PATH),
        .has_programs = has_kind(offer, TARGET_PROGRAM),
        .ports = offer->ports,
    };

    for (size_t i = 0; i < offer->all.count; i++) {
        if (offer->list[i].kind == TARGET_ADDRESS)
            offer->ports[needs.port_count++] = address_port(&offer->list[i].address);
    }
    return needs;
}

size_t offer_descriptors(const struct offer *offer)
{
    static const size_t descriptors[] = {
        [TARGET_ADDRESS] = 1, [TARGET_PATH] = 2, [TARGET_PROGRAM] = 3}; /* see stream/hold.h */
    size_t most = 0;

    for (size_t i = 0; i < offer->all.count; i++) {
        if (descriptors[offer->list[i].kind] > most)
            most = descriptors[offer->list[i].kind];
    }
    return most;
}

static const char *kind_of(const struct target *target)
{
    return target->kind == TARGET_PROGRAM ? "a program: " : "";
}

void offer_announce(const struct offer *offer, const char *where, const char *who,
                    const char *after)
{
    bool named = offer->all.count > offer->unnamed.count;
    char line[ADDRESS_TEXT_SIZE + 160], unnamed[ADDRESS_TEXT_SIZE + 32] = "";

    for (size_t i = offer->unnamed.count; i < offer->all.count; i++) {
        const struct target *target = &offer->list[i];

        (void)snprintf(line, sizeof(line), "who asks for %s is joined to %s%.300s", target->name,
                       kind_of(target), target->text);
        log_event(LOG_NOTE, offer->options->what, where, line, NULL);
    }
    if (offer->unnamed.count > 0)
        (void)snprintf(unnamed, sizeof(unnamed), "%s%s%.250s", named ? ", or else to " : "",
                       kind_of(offer->list), offer->list[0].text);
    (void)snprintf(line, sizeof(line), "%s is joined to %s%s%s", who,
                   named ? "what it asks for" : "", unnamed, after);
    log_event(LOG_NOTE, offer->options->what, where, line, NULL);
    for (size_t i = 0; i < offer->all.count; i++)
        setup_warn_of_path(offer->options, offer->list[i].address.path);
}

/*
 * What stands at a port is reached through a port there: the same one, unless only root may have
 * it; then the one that is free.
 */
void offer_say_how(const struct offer *offer, char words[static OFFER_WORDS_SIZE],
                   char ending[static TARGET_NAME_SIZE + 1])
{
    const struct target *target = &offer->list[0];
    unsigned port = address_port(&target->address);

    (void)snprintf(words, OFFER_WORDS_SIZE, "dial");
    if (target->kind == TARGET_ADDRESS)
        (void)snprintf(words, OFFER_WORDS_SIZE, "forward %u", port < 1024 ? 0 : port);
    (void)snprintf(ending, TARGET_NAME_SIZE + 1, "%s%s", target->name[0] != '\0' ? ":" : "",
                   target->name);
}
