/*
 * A program that is started for a peer: its pipes, its environment, its end.
 */
#ifndef KITH_PROGRAM_H
#define KITH_PROGRAM_H

#include <sys/types.h>

#include "error.h"
#include "registry.h"

struct program {
    pid_t process;     /* and process group; 0 before it is started */
    int in;            /* to write to it; -1 once closed */
    int out;           /* to read from it; -1 once closed */
    int end_fd;        /* ready once it has ended: the gate of its pump */
    int end_report_fd; /* the other end, for who reaps */
    int status;        /* as waitpid gave it, once program_result has read it */
};

/*
 * Start argv in a process group of its own, with the peer of the connection in its environment.
 * Its stderr is ours. ERR_PROGRAM with errno.
 */
must_check enum kith_error program_start(struct program *program, struct registry *registry,
                                         struct connection *connection, char *const argv[]);

/*
 * Once end_fd is ready: OK if it has succeeded, else ERR_PROGRAM. A pump_gate whose context is
 * the program.
 */
enum kith_error program_result(void *context);

/*
 * Close the pipes, and end the whole process group if it has not ended: asked first, and killed
 * if that does not help.
 */
void program_stop(struct program *program, struct registry *registry,
                  struct connection *connection);

/* A registry_visit: end the connection's program, since nobody is left to wait for it. */
void program_abandon(struct connection *connection, void *unused);

/* A process was reaped: tell the connection whose program it was. */
void program_ended(struct registry *registry, pid_t process, int status);

#endif
