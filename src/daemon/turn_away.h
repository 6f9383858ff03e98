/*
 * The end of a guest, which has proven who it is, and gets no channel.
 */
#ifndef KITH_TURN_AWAY_H
#define KITH_TURN_AWAY_H

#include "calls/reception.h"
#include "daemon/daemon.h"

/* Say why, to the log alone, and hang up; the guest's keys stay the caller's to wipe. targets, or
 * NULL, are what it could have been joined to. */
void turn_away(struct daemon *daemon, const struct admission *admission, struct guest *guest,
               enum kith_error error, const struct targets *targets);

#endif
