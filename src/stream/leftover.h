/*
 * What has arrived of a stream that is broken, and is not written yet.
 */
#ifndef KITH_LEFTOVER_H
#define KITH_LEFTOVER_H

#include "base/error.h"
#include "stream/receiver.h"

/*
 * What has arrived is still opened and written, unless the outlet takes nothing for a while: then
 * what is left is given up, since the user has to be told. So it is once somebody else has ended
 * the stream: see pump_terms; or NULL.
 */
void leftover_deliver(struct receiver *receiver, const _Atomic enum kith_error *ended);

#endif
