/*
 * The local time zone, in which the times of a peers file are meant.
 */
#ifndef KITH_ZONE_H
#define KITH_ZONE_H

#include <stdbool.h>

/*
 * Read the zone, with all its rules, and keep it: for a process that opens no file after. Its own
 * TZ names the zone from here on. Before any thread.
 */
void zone_hold(void);

/*
 * Whether local time is what TZ or the machine says. If not, as where the zones are not installed,
 * the C library takes UTC for it and says nothing.
 */
bool zone_is_known(void);

#endif
