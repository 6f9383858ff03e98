/*
 * The commands, each a function of its options; what goes wrong they have logged. And the table of
 * them.
 */
#ifndef KITH_COMMANDS_H
#define KITH_COMMANDS_H

#include "base/error.h"
#include "command/options.h"

must_check enum kith_error command_keygen(const struct options *options);
must_check enum kith_error command_pubkey(const struct options *options);
must_check enum kith_error command_import(const struct options *options);
must_check enum kith_error command_listen(const struct options *options);
must_check enum kith_error command_dial(const struct options *options);
must_check enum kith_error command_check(const struct options *options);
must_check enum kith_error command_serve(const struct options *options);
must_check enum kith_error command_forward(const struct options *options);
must_check enum kith_error command_meet(const struct options *options);

struct command {
    struct command_form form;
    const char *summary;
    struct usage usages[USAGES_MAX]; /* the one without an option first */
    enum kith_error (*run)(const struct options *options);
};

/* All of them, in the order of help. */
const struct command *command_table(size_t *count);

/* The one of this name, or NULL. */
const struct command *command_named(const char *name);

/* Of a first word that is none of them: say what may have been meant. */
void command_log_unknown(const char *name, int argc, char **argv);

#endif
