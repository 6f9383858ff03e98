/*
 * The command line of one command, read into its options.
 */
#ifndef KITH_COMMAND_LINE_H
#define KITH_COMMAND_LINE_H

#include <stdbool.h>

#include "base/error.h"
#include "command/options.h"

/*
 * Read the options of one command from argv, where argv[0] is the command. What is wrong is logged:
 * ERR_USAGE.
 */
must_check enum kith_error
command_line_parse(struct options *options, const struct command_form *form, int argc, char **argv);

/* Before that: whether the channel is on the standard descriptors, however that is written. */
bool command_line_has_inetd(unsigned command_bit, int argc, char **argv);

#endif
