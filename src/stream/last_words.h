/*
 * The last words of a local socket that has failed: they are still sent, but not as whole, and only
 * as long as the peer takes them.
 */
#ifndef KITH_LAST_WORDS_H
#define KITH_LAST_WORDS_H

#include <stdbool.h>

#include "base/error.h"
#include "net/transport.h"
#include "stream/patience.h"

struct last_words {
    enum kith_error why; /* they are the last, with system_errno; OK: they are not */
    int system_errno;
    struct patience patience; /* with a peer that takes none of them */
};

#define LAST_WORDS_NONE ((struct last_words){.patience = PATIENCE_ENDLESS})

/* The socket has failed for this reason, with errno. */
void last_words_begin(struct last_words *words, enum kith_error why,
                      const struct transport *transport);

/* Some of them have gone to the transport. */
void last_words_said(struct last_words *words, const struct transport *transport);

/* Look again; false once the peer has taken none for too long. */
bool last_words_are_taken(struct last_words *words, const struct transport *transport);

/* They are over: why there were some, with its errno. */
enum kith_error last_words_end(const struct last_words *words);

#endif
