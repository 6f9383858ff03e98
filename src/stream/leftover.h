/*
 * What has arrived of a stream that is broken, and is not written yet.
 */
#ifndef KITH_LEFTOVER_H
#define KITH_LEFTOVER_H

#include "stream/receiver.h"

/*
 * What has arrived is still opened and written, unless the outlet takes nothing for a while: then
 * what is left is given up, since the user has to be told.
 */
void leftover_deliver(struct receiver *receiver);

#endif
