/*
 * What is left to do once a stream is broken.
 */
#ifndef KITH_REST_H
#define KITH_REST_H

#include "stream/receiver.h"

/*
 * What has arrived is still opened and written, unless the outlet takes nothing for a while: then
 * the rest is given up, since the user has to be told.
 */
void deliver_rest(struct receiver *receiver);

#endif
