/*
 * What a listener knows of a caller that it turned away. The caller itself is told nothing.
 */
#ifndef KITH_REFUSAL_H
#define KITH_REFUSAL_H

#include "greeting.h"

/*
 * Log a greeting that has failed, as of command what; name is of the peer that claims to call, or
 * ""; detail goes with the reason, or is NULL.
 */
void refusal_log(const char *what, const struct greeting *greeting, const char *name,
                 const char *detail);

#endif
