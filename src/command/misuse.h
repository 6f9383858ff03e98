/*
 * What is said of a command line that is wrong: one line each, and ERR_USAGE.
 */
#ifndef KITH_MISUSE_H
#define KITH_MISUSE_H

#include <stdbool.h>

#include "base/error.h"
#include "command/options.h"

/* Of one thing in it; hint is NULL for the command's --help. */
enum kith_error misuse_log(const char *command, const char *which, const char *why,
                           const char *hint);

/* What getopt did not understand, and returned this for: a letter, or the word it stands in. */
enum kith_error misuse_log_word(const struct command_form *form, char **argv);

/* Of a long option that is none of the command's, without its dashes; it may have a value. */
enum kith_error misuse_log_name(const struct command_form *form, const char *word);

/* There are too few arguments, or too many of which this one is the first. */
enum kith_error misuse_log_missing(const struct options *options, const struct command_form *form);
enum kith_error misuse_log_excess(const struct options *options, const struct command_form *form,
                                  const char *which);

/* A name where a place to listen is meant: what was meant, maybe, put at hint if need be; or NULL.
 */
#define MISUSE_HINT_SIZE 96
const char *misuse_guess_place(char hint[static MISUSE_HINT_SIZE], const struct options *options,
                               const char *text);

/* What to do about one of these: */
#define MISUSE_FAR_END                                                                             \
    "what it leads to is said there: kith serve PORT TARGET; here: kith forward PORT PEER"

/* Whether it says, as for ssh -L, where its connections come out, too: PORT:HOST:PORT. */
bool misuse_has_far_end(const char *text);

#endif
