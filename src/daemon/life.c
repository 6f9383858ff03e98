/*
 * Owns what a connection takes along when its thread begins, and gives back when it is over. Must
 * never leave a descriptor or a key of one that got no thread.
 */
#include "daemon/life.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "net/socket.h"
#include "system/memory.h"

void life_leave(struct daemon *daemon, struct connection *connection)
{
    struct transport came = connection->came;
    struct kept *kept = connection->kept;
    bool last;

    session_keys_wipe(&connection->keys);
    last = connections_leave(&daemon->connections, connection);
    kept_drop(kept);
    transport_close(&came);
    if (last)
        memory_give_back();
}

/* A connection's life, in a thread. */
static void live_connection(void *thing)
{
    struct connection *connection = thing;
    struct daemon *daemon = connection->owner;

    if (daemon->hooks->run(daemon, connection) == STAY_OVER)
        life_leave(daemon, connection);
}

void life_begin(struct daemon *daemon, struct connection *connection)
{
    connection->owner = daemon;
    connection->job = (struct job){.run = live_connection, .thing = connection};
    if (threads_run(&daemon->threads, &connection->job))
        return;
    (void)log_failure(LOG_ERROR, daemon->terms->what, connection->from.text, ERR_NO_THREAD,
                      strerror(errno), NULL);
    socket_reset_on_close(connection->came.in, true); /* nothing was carried: that is no end */
    life_leave(daemon, connection);
}
