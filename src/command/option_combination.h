/*
 * Which options go with each other: those that exclude or need another one stand in one table.
 */
#ifndef KITH_OPTION_COMBINATION_H
#define KITH_OPTION_COMBINATION_H

#include "base/error.h"
#include "command/options.h"

/* ERR_USAGE if some of them make no sense together, which is logged. */
must_check enum kith_error combination_check(const struct options *options,
                                             const struct command_form *form);

#endif
