/*
 * Why a handshake failed, as it is logged on either side: whoever was called knows other things
 * than whoever calls, and is helped by other words.
 */
#ifndef KITH_EXPLAIN_H
#define KITH_EXPLAIN_H

#include "base/error.h"
#include "calls/handshake_io.h"

/* What log_failure is given. */
struct explanation {
    enum kith_error error; /* the one that was asked about, or a more exact one */
    const char *hint;
    const char *detail; /* text, or NULL */
    char text[96];
};

/* Explain an error with which this io has ended. Must not move afterwards. */
void explain_handshake(struct explanation *explanation, const struct handshake_io *io,
                       enum kith_error error);

#endif
