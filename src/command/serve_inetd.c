/*
 * Owns what serve does with the one channel that it was started with. Must never take another one,
 * nor go on once that is over.
 */
#include <stdio.h>

#include "base/log.h"
#include "command/serve.h"
#include "command/setup_inetd.h"

enum kith_error serve_inetd_take(struct serve *serve)
{
    struct doors *doors = &serve->daemon.doors;

    (void)snprintf(doors->name, sizeof(doors->name), "--inetd");
    return setup_inetd(&serve->setup, &serve->came, &serve->from);
}

enum kith_error serve_inetd_begin(struct serve *serve)
{
    if (reception_welcome(&serve->reception, serve->came, &serve->from))
        return OK;
    return log_failure(LOG_ERROR, serve->setup.options->what, serve->daemon.doors.name, ERR_MEMORY,
                       NULL, NULL);
}

void serve_inetd_step(struct serve *serve)
{
    if (reception_count(&serve->reception) == 0 &&
        connections_have_ended(&serve->daemon.connections))
        daemon_finish(&serve->daemon, OK);
}

enum kith_error serve_inetd_outcome(const struct serve *serve)
{
    enum kith_error failed = (enum kith_error)serve->daemon.failed;

    return failed != OK ? failed : serve->daemon.refusals.last;
}
