/*
 * Owns the start of what starts the command of --via. Must never run that by itself.
 */
#include "command/setup_via.h"

#include "helpers/launcher.h"

enum kith_error setup_start_via(struct setup *setup, size_t most)
{
    const struct options *options = setup->options;
    enum kith_error error;

    if (options->via == NULL)
        return OK;
    error = launcher_start(&setup->via, &(const struct programs){.via = options->via}, most);
    setup->calls.via = &setup->via;
    setup->calls.via_command = options->via;
    return error;
}
