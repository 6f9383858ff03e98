/*
 * Where what is sent comes from: stdin, a program, or a socket; read without blocking.
 */
#ifndef KITH_INLET_H
#define KITH_INLET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "stream/hold.h"

struct inlet {
    int fd; /* -1 once it has ended */
    bool is_socket;
    bool is_terminal;
    bool never_waits;  /* to read it again takes no new poll: a file, or nobody writes any more */
    bool never_blocks; /* it is in a non-blocking mode of our own */
    struct hold hold;  /* of a socket that is to be reset unless all is well */
};

/* Nothing to say. */
struct inlet inlet_none(void);

/* stdin, whatever it is; in a mode of our own where the system allows that. */
struct inlet inlet_stdin(void);

/* A connected, non-blocking socket, of which hold.h says what stays unread. */
struct inlet inlet_socket(int fd);

/* A pipe from a program, non-blocking. */
struct inlet inlet_program(int fd);

/* What to poll for reading. */
int inlet_poll_fd(const struct inlet *inlet);

/* Poll has said this of it. True if that is its end, and there is nothing to read. */
bool inlet_heed(struct inlet *inlet, short ready);

/* As readv(2) on a non-blocking descriptor. Its end closes nothing, and sets fd to -1. */
ssize_t inlet_read(struct inlet *inlet, struct iovec *pieces, int count);

/* Whether it may be read once more without a poll. */
bool inlet_may_have_more(const struct inlet *inlet);

#endif
