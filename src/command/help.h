/*
 * What help prints, to stdout.
 */
#ifndef KITH_HELP_H
#define KITH_HELP_H

#include "command/commands.h"

/* Of all commands. */
void help_print(void);

/* Of one of them, with its options. */
void help_print_command(const struct command *command);

#endif
