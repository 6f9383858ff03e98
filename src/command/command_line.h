/*
 * The command line of one command, read into its options.
 */
#ifndef KITH_COMMAND_LINE_H
#define KITH_COMMAND_LINE_H

#include <stdbool.h>

#include "base/error.h"
#include "command/commands.h"

/*
 * Read the options of one command from argv, where argv[0] is the command. What is wrong is logged:
 * ERR_USAGE.
 */
must_check enum kith_error command_line_parse(struct options *options,
                                              const struct command *command, int argc, char **argv);

/*
 * How many helpers that start programs are to be started. Of serve there is one for its targets,
 * until it finds that none of them is a program.
 */
size_t command_line_starts(const struct options *options);

/* Before all that: whether the channel is on the standard descriptors, however that is written. */
bool command_line_has_inetd(unsigned command_bit, int argc, char **argv);

#endif
