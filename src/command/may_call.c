/*
 * Owns who of those that are known may call. Must never add one whom the user has not named, where
 * he has named any.
 */
#include "command/may_call.h"

#include "base/log.h"

enum kith_error may_call_read(struct directory *directory, const struct options *options,
                              struct peers *chosen)
{
    enum kith_error error = OK;

    if (options->named_count == 0)
        error = directory_add_all(directory, chosen);
    for (size_t i = 0; error == OK && i < options->named_count; i++)
        error = directory_add(directory, options->named[i], chosen);
    return error;
}

enum kith_error may_call_read_again(struct directory *directory, const struct options *options,
                                    struct peers *chosen)
{
    enum kith_error error = OK;

    if (options->named_count == 0)
        return may_call_read(directory, options, chosen);
    for (size_t i = 0; error == OK && i < options->named_count; i++) {
        const char *named = options->named[i];
        bool lacks;

        error = directory_lacks(directory, named, &lacks);
        if (error == OK && lacks)
            log_event(LOG_NOTE, "peer", named, "no longer in the peers file", NULL);
        else if (error == OK)
            error = directory_add(directory, named, chosen);
    }
    return error;
}

enum kith_error may_call_expect(const struct options *options, const struct peers *chosen)
{
    bool waits = (options->command & FOR_DAEMONS) != 0;

    if (chosen->count > 0)
        return OK;
    (void)log_failure(waits ? LOG_NOTE : LOG_ERROR, options->what, NULL, ERR_NOBODY, NULL, NULL);
    return waits ? OK : ERR_NOBODY;
}
