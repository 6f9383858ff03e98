/*
 * Why a handshake failed, as it is logged on either side: whoever was called knows other things
 * than whoever calls, and is helped by other words.
 */
#ifndef KITH_EXPLAIN_H
#define KITH_EXPLAIN_H

#include "base/error.h"
#include "base/problem.h"
#include "calls/handshake_io.h"

/* What log_failure is given. */
struct explanation {
    enum kith_error error;  /* the one that was asked about, or a more exact one */
    struct problem problem; /* or only a hint, "" for none, or nothing */
};

/* Explain an error with which this io has ended. */
void explain_handshake(struct explanation *explanation, const struct handshake_io *io,
                       enum kith_error error);

#endif
