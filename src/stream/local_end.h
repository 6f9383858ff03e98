/*
 * What our side of a stream is joined to, and what it means to each kind that the stream was whole
 * or broken:
 *
 *     stdin and stdout  whole is our exit status; nothing more can be done to them
 *     a socket          sees a reset when it is closed, unless all was whole: also if we are killed
 *     a program         has a verdict of its own, without which the peer gets no receipt
 *     a file            has its name only if all was whole, and before the peer gets its receipt
 */
#ifndef KITH_LOCAL_END_H
#define KITH_LOCAL_END_H

#include <stdbool.h>

#include "base/error.h"
#include "stream/inlet.h"
#include "stream/outlet.h"

enum local_end_kind { LOCAL_STANDARD, LOCAL_SOCKET, LOCAL_PROGRAM, LOCAL_FILE };

/* Whether the peer's end is our input's, too: at a terminal, nobody else may come to end it. */
enum local_end_patience {
    WAITS_FOR_INPUT,      /* no: what the input says is wanted, whenever it comes */
    WAITS_IF_PEER_SILENT, /* if it has said something: else we are here for our input */
    ENDS_WITH_PEER
};

/*
 * Asked once, in the stream's thread, when its line is ready or broken: how a program, or who names
 * a file, has ended. OK lets our receipt pass, an error ends the stream.
 */
typedef enum kith_error local_end_judge(void *program);

struct local_end {
    enum local_end_kind kind;
    struct inlet inlet;
    struct outlet outlet;
    bool is_one; /* the two are the same socket or file */
    enum local_end_patience patience;
    int socket;   /* or -1; remains the caller's to close */
    bool talks;   /* a program: its output is part of the stream, and whole only if it succeeds */
    int status;   /* its line: ready once a program has ended; -1 without, or once it was judged */
    bool settled; /* a file: who names it was told that all is there */
    local_end_judge *judge;
    void *program;      /* the judge's */
    const char *detail; /* what the judge has to say of a failure, or empty; NULL without one */
};

/* stdin and stdout, or what of them there is. */
struct local_end local_end_standard(struct inlet inlet, struct outlet outlet,
                                    enum local_end_patience patience);

/*
 * A connected, non-blocking socket that nothing was read from, and that is reset when it is closed:
 * until local_end_finish finds the stream whole.
 */
struct local_end local_end_socket(int fd);

/*
 * Pipes from and to a program, non-blocking, or -1 for what it has no part in; its line is ready
 * once it has ended, and is told when the stream to it has (see outlet_program).
 */
struct local_end local_end_program(int from, int to, int line, local_end_judge *judge,
                                   void *program);

/*
 * stdin, if there is one, and a file to write to, which is closed with the stream's end. It has no
 * name yet: who gives it one is told so on that line, and the line is ready once it is known how
 * that went.
 */
struct local_end local_end_file(struct inlet inlet, int file, enum local_end_patience patience,
                                int line, local_end_judge *judge, void *filer);

/*
 * All that the peer sent is here, and all of ours is said: a file may have its name. Fine twice.
 * ERR_OUTLET with errno if that cannot be told, or what the judge says.
 */
must_check enum kith_error local_end_settle(struct local_end *end);

/* Whether our end has to wait a little: until it is known how the program has ended that talks. */
bool local_end_may_fail(const struct local_end *end);

/* Whether our receipt has to wait until the judge has said how a program or a file has ended. */
bool local_end_awaits_verdict(const struct local_end *end);

/* It is known. OK, or the judge's error. */
must_check enum kith_error local_end_verdict(struct local_end *end);

/* Whether it has to be noticed that the outlet breaks, though there is nothing to write. */
bool local_end_may_break(const struct local_end *end);

/*
 * Whether a failure is that of a socket whose other side has gone. What that has said before is
 * here, or on the way to the peer.
 */
bool local_end_has_gone(const struct local_end *end, enum kith_error error);

/* The stream is over, and all that is known of it: have the socket see that. */
void local_end_finish(struct local_end *end, bool whole);

#endif
