/*
 * How fast a stream may be sent (--rate): at most rate bytes of it a second, in small portions. It
 * is kept here and not by the kernel's pacing: that counts what the network adds, knows neither
 * pipes nor UNIX sockets, and holds what it was given for so long that neither progress nor a
 * timeout would say what is true.
 */
#ifndef KITH_PACE_H
#define KITH_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_MAX ((size_t)1 << 31) /* bytes a second */

struct pace {
    size_t rate;    /* bytes a second; 0: as fast as it goes */
    int64_t due_us; /* when all that was sent is paid for */
};

/* How many bytes may be read now, in one go: SIZE_MAX without a rate, 0 before its time. */
size_t pace_portion(const struct pace *pace, int64_t now_us);

/* When there will be some again, as a deadline; NEVER_MS without a rate. */
int64_t pace_due_ms(const struct pace *pace);

/* So many have been read. What was not used of the time before is lost, but for a portion. */
void pace_spend(struct pace *pace, size_t bytes, int64_t now_us);

#endif
