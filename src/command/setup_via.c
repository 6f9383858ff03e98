/*
 * Owns the start of what starts the command of --via. Must never run that by itself.
 */
#include "command/setup_via.h"

#include "daemon/capacity.h"
#include "helpers/launcher.h"

#define MOST_OF_ONE_CALL 8 /* those of former tries may still be about to end */

/* How many there may be at once: of a daemon one for each channel, fewer than descriptors. */
static size_t find_most(const struct options *options)
{
    return (options->command & FOR_DAEMONS) != 0 ? capacity_of_half(1) : MOST_OF_ONE_CALL;
}

enum kith_error setup_start_via(struct setup *setup)
{
    const struct options *options = setup->options;
    enum kith_error error;

    if (options->via == NULL)
        return OK;
    error = launcher_start(&setup->via, &(const struct programs){.via = options->via},
                           find_most(options));
    setup->calls.via = &setup->via;
    setup->calls.via_command = options->via;
    return error;
}

/* A program on the way has one for each direction, and a line. */
size_t setup_descriptors_of_channel(const struct options *options)
{
    return options->via != NULL ? 3 : 1;
}
