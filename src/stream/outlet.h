/*
 * Where what arrives goes: stdout, a program, a file, or a socket; written without blocking.
 */
#ifndef KITH_OUTLET_H
#define KITH_OUTLET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

enum outlet_kind {
    OUTLET_NONE,    /* there is no place: whatever arrives is an error */
    OUTLET_SOCKET,  /* its end is passed on by shutting down its sending side */
    OUTLET_PRIVATE, /* a descriptor in non-blocking mode, or a file or disk, which needs none */
    OUTLET_SHARED,  /* a pipe, terminal or other device whose mode others rely on */
    OUTLET_GONE     /* who read there has gone: whatever arrives is dropped */
};

struct outlet {
    enum outlet_kind kind;
    int fd;          /* to write to and to poll; -1 once its end was passed on */
    int original_fd; /* the descriptor it was made from, if it is another one; else -1 */
    bool told;       /* a socket's end was passed on, and may not have been taken yet */
    bool may_break;  /* whoever reads there does not have to read all: the rest is dropped */
    bool others_end; /* a socket that others write to after us: its end is theirs to pass on */
    int holder;      /* a line to who holds this open as well, and is told to end it; or -1 */
};

/* Discards nothing: has no place for data. */
struct outlet outlet_none(void);

/* A connected, non-blocking socket; remains the caller's to close. */
struct outlet outlet_socket(int fd);

/*
 * A pipe to a program, non-blocking; remains the caller's to close, unless its end is passed on.
 * What the program does not read it does not want; whether all is well its exit status tells.
 * holder is a socket to who holds the pipe open, too, so that it does not end without our word.
 */
struct outlet outlet_program(int fd, int holder);

/* A regular file; remains the caller's to close, unless its end is passed on. */
struct outlet outlet_file(int fd);

/*
 * stdout, whatever it is. Its mode is left as it is, since the shell and other programs share it:
 * where the system allows, a pipe or terminal is opened anew in a mode of our own.
 */
struct outlet outlet_stdout(void);

/* As writev(2) on a non-blocking descriptor: bytes written, or -1 and errno (EAGAIN: later). */
ssize_t outlet_write(struct outlet *outlet, const struct iovec *pieces, int count);

/*
 * Bytes that were written and that whoever reads there has not taken yet: none of them, or fewer
 * than before, tells that it gets on. -1 where that cannot be known.
 */
int outlet_queued(const struct outlet *outlet);

/*
 * Pass the end on, so that who reads there sees it. False with errno if the system says only now
 * that what was written could not be kept, and EAGAIN if that is still to be seen: a TCP
 * connection's other side may reset it before its system has taken all. Then it has to be called
 * again a little later. Fine twice.
 */
bool outlet_end(struct outlet *outlet);

#endif
