/*
 * A program that is started for a peer: its pipes, its environment, its end.
 */
#ifndef KITH_PROGRAM_H
#define KITH_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "daemon/connections.h"

struct program {
    pid_t process; /* and its session and group; not reaped before all of that is ended; or 0 */
    int in;        /* to write to it; -1 once closed */
    int out;       /* to read from it; -1 once closed */
    int end_fd;    /* ready once it has ended */
    int problem;   /* an errno if it could not be run, known once it has ended */

    int process_fd; /* the process itself, where the system has that; else -1 */
    int report_fd;  /* a pipe: why it could not be run, and without process_fd its end */
    int report_end; /* the other end of that, if somebody else needs it; else -1 */
    bool has_ended;
};

/*
 * Start argv in a session of its own, with the peer of the connection in its environment. Its
 * stderr is ours. ERR_PROGRAM with errno; that it cannot be run is known only at its end.
 */
must_check enum kith_error program_start(struct program *program, struct connections *connections,
                                         struct connection *connection, char *const argv[]);

/*
 * Once end_fd is ready: OK if it has succeeded, else ERR_PROGRAM. A local_end_judge for
 * the program.
 */
enum kith_error program_result(void *context);

/*
 * End the whole process group if it has not ended: asked first, and killed if that does not help.
 * Then close the pipes.
 */
void program_stop(struct program *program, struct connections *connections,
                  struct connection *connection);

/* A connections_visit: end the connection's program, since nobody is left to wait for it. */
void program_abandon(struct connection *connection, void *unused);

/* At SIGCHLD: tell those programs' connections for whom the system does not. */
void program_look(struct connections *connections);

/*
 * Reap a child that is no program, if one has ended: the first process of a container gets the
 * orphans of others. Its number, or 0. Once a program is reaped there may be more behind it:
 * SIGCHLD is noted then.
 */
pid_t program_reap_other(struct connections *connections);

#endif
