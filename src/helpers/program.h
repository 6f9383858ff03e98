/*
 * A program of --exec, exec: or --via, as the process on the network has it: three descriptors, and
 * what it asks the launcher for.
 */
#ifndef KITH_PROGRAM_H
#define KITH_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "helpers/helper.h"
#include "keys/public_key.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/transport.h"
#include "peers/target.h"

/* What a program has of the stream; in the place of the rest it has our own stdin or stdout. */
enum { PROGRAM_READS = 1, PROGRAM_WRITES = 2 };

/* Whom a program is started for. */
struct visitor {
    char name[NAME_SIZE]; /* or empty */
    uint8_t key[KEY_SIZE];
    struct endpoint from;
    struct endpoint here;          /* our end of the connection */
    char target[TARGET_NAME_SIZE]; /* that it has asked for by its name, or empty */
};

/* Who is at the other end of a connection, by name (or "") and key. */
struct visitor visitor_of(const char *name, const uint8_t key[static KEY_SIZE],
                          const struct endpoint *from, int fd);

/* The question to the launcher. */
struct order {
    size_t program; /* which of those that it has */
    struct visitor visitor;
    char host[HOST_SIZE]; /* for a CMD of --via, which has no visitor: where it is to lead */
    char port[PORT_SIZE];
};

/*
 * What goes with the question; the last is our end of its input, and for --via of its output. Where
 * descriptors are short, the last are lost first.
 */
enum program_passed { ITS_LINE, ITS_IN, ITS_OUT, OURS, PROGRAM_PASSED };

/* What is said on its line at once, before it is started: one byte, while an end has more. */
#define PROGRAM_TAKEN 't'

/* How a program has ended, as it is said on its line; all 0 if well. */
struct program_end {
    int32_t problem; /* an errno if it never was the program */
    int32_t status;  /* with which it has exited */
    int32_t signal;  /* or which has ended it */
};

struct program {
    int in;                 /* to write to it; -1 once closed, or if it does not read the stream */
    int out;                /* to read from it; -1 likewise */
    int line;               /* to the launcher: ready once the program has ended */
    struct program_end end; /* once it has */
};

/*
 * Ask for one, for whoever visits, and with so much of the stream. False with errno, which is
 * ETIMEDOUT if the launcher has not taken it by the deadline; that it cannot be run is known only
 * at its end. Fine in any thread.
 */
must_check bool program_start(struct program *program, const struct helper *launcher,
                              const struct order *order, unsigned does, int64_t deadline_ms);

/*
 * The same for the CMD of --via: the transport is its stdin and stdout, a socket each, and its
 * line, which is ready once it has ended; to close that has it ended, though it may see the end of
 * its input first. Once it has ended there is an end of what comes, too, about a second after the
 * last of that, whatever it has left behind.
 */
must_check bool program_start_via(const struct helper *launcher, const struct address *to,
                                  struct transport *transport, int64_t deadline_ms);

/* How that has ended, if it has by the deadline; else false. */
bool program_via_end(int line, struct program_end *end, int64_t deadline_ms);

/* Once its line is ready: OK if it has succeeded, else ERR_PROGRAM. A local_end_judge for it. */
enum kith_error program_result(void *context);

/* Why one was not started, in words. */
const char *program_problem(int problem);

#define PROGRAM_GRACE_MS 2000 /* between SIGTERM and SIGKILL */

/* The statuses by which a shell says that it could not start what it was told to, or found none. */
#define PROGRAM_NOT_STARTED 126
#define PROGRAM_NOT_FOUND 127

#define PROGRAM_HOW_SIZE 96

/* How it has failed, as far as that is known; else empty. */
void program_describe_failure(char out[static PROGRAM_HOW_SIZE], const struct program *program);
void program_describe_end(char out[static PROGRAM_HOW_SIZE], const struct program_end *end);

/*
 * Have the whole process group ended, if it is not: asked first, and killed if that does not help.
 * Returns once nothing is left of it, and all is closed; or in four seconds, where the launcher was
 * stopped, or may not signal it; or where that is gone, and what it killed with itself has left
 * somebody who reads. Its input has no end before that, unless
 * the launcher was told of one (stream/outlet.h).
 */
void program_stop(struct program *program);

#endif
