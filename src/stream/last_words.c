/*
 * Owns why a local socket has failed, until what it said before is sent. Must never wait for a peer
 * that does not get on.
 */
#include "stream/last_words.h"

#include <errno.h>

#include "stream/link.h"

void last_words_begin(struct last_words *words, enum kith_error why,
                      const struct transport *transport)
{
    *words = (struct last_words){.why = why, .system_errno = errno};
    last_words_said(words, transport);
}

void last_words_said(struct last_words *words, const struct transport *transport)
{
    words->patience = patience_with(LINK_PATIENCE_MS, transport_queued(transport));
}

bool last_words_are_taken(struct last_words *words, const struct transport *transport)
{
    return patience_lasts(&words->patience, transport_queued(transport));
}

enum kith_error last_words_end(const struct last_words *words)
{
    errno = words->system_errno;
    return words->why;
}
