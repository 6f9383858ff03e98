/*
 * Owns the taking of a channel that we were started with. Must never take one without being asked.
 */
#include "command/setup_inetd.h"

#include <stddef.h>

#include "base/log.h"
#include "base/problem.h"
#include "net/inetd.h"

enum kith_error setup_inetd(const struct setup *setup, struct transport *transport,
                            struct endpoint *from)
{
    struct problem problem = {.why = ""};
    enum kith_error error = inetd_take(transport, from, &problem);

    if (error == OK)
        return OK;
    return log_failure(LOG_ERROR, setup->options->what, "--inetd", error, problem_why(&problem),
                       NULL);
}
