/*
 * Which options of a daemon go with each other: those of who is called, of who calls, and of the
 * reverse way, in which serve calls (--call) and forward is called (--accept).
 */
#ifndef KITH_COMBINATION_H
#define KITH_COMBINATION_H

#include "base/error.h"
#include "command/options.h"

/* ERR_USAGE if two of them make no sense together, which is logged. */
must_check enum kith_error combination_check(const struct options *options,
                                             const struct command_form *form);

#endif
