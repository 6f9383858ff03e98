/*
 * Why a handshake failed, as it is logged on either side: whoever was called knows other things
 * than whoever calls, and is helped by other words.
 */
#ifndef KITH_EXPLAIN_H
#define KITH_EXPLAIN_H

#include "base/error.h"
#include "calls/greeting.h"

/* What log_failure is given. */
struct explanation {
    enum kith_error error; /* the one that was asked about, or a more exact one */
    const char *hint;
    const char *detail; /* text, or NULL */
    char text[96];
};

/* Explain an error with which this greeting has ended. Must not move afterwards. */
void explain_greeting(struct explanation *explanation, const struct greeting *greeting,
                      enum kith_error error);

#endif
