/*
 * The options in front of a key in the peers file, written as sshd's authorized_keys writes them:
 * name="value",name="value", with \" for a quote in a value.
 */
#ifndef KITH_PEERS_OPTIONS_H
#define KITH_PEERS_OPTIONS_H

#include "base/error.h"
#include "base/problem.h"
#include "base/text.h"
#include "peers/peer.h"

/*
 * Take the options and the blanks after them off the front of a line, into a peer that has none
 * yet. OK, ERR_MEMORY, or ERR_PEERS_LINE: problem then says why. The peer is the
 * caller's to free in any case.
 */
must_check enum kith_error peers_options_parse(struct peer *peer, struct text *line,
                                               struct problem *problem);

/* Whether a text begins as an option does: where a key or a name is meant, it stands wrong. */
bool peers_options_begin(struct text text);

#endif
