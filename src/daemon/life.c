/*
 * Owns what a connection takes along when its thread begins, and gives back when it is over. Must
 * never leave a descriptor or a key of one that got no thread.
 */
#include "daemon/life.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"
#include "system/memory.h"

void life_leave(struct daemon *daemon, struct connection *connection)
{
    struct transport channel = connection->channel;
    int fd = connection->fd;
    bool last = connections_leave(&daemon->connections, connection);

    if (channel.in != fd) /* which is not what its peer came by, else all of that is closed */
        channel = transport_socket(fd);
    transport_close(&channel);
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

/* A channel that its connection was to have: on the way here it is the connection itself. */
static void release_kept(struct connection *connection)
{
    if (connection->kept == NULL || connection->kept->link.transport.in == connection->fd)
        kept_free(connection->kept);
    else
        kept_drop(connection->kept);
}

void life_begin(struct daemon *daemon, struct connection *connection)
{
    int fd = connection->fd;

    connection->owner = daemon;
    connection->job = (struct job){.run = live_connection, .thing = connection};
    if (threads_run(&daemon->threads, &connection->job))
        return;
    (void)log_failure(LOG_ERROR, daemon->hooks->what, connection->from.text, ERR_NO_THREAD,
                      strerror(errno), NULL);
    session_keys_wipe(&connection->keys);
    release_kept(connection);
    (void)connections_leave(&daemon->connections, connection);
    socket_reset_on_close(fd, true); /* nothing was carried: that is no end */
    (void)close(fd);
}
