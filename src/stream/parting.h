/*
 * What is left to do once a channel is over, whole or not.
 */
#ifndef KITH_PARTING_H
#define KITH_PARTING_H

#include "base/error.h"
#include "stream/receiver.h"

/*
 * The channel is broken. What has arrived is still opened and written, unless the outlet takes
 * nothing for a while: then the rest is given up, since the user has to be told.
 */
void parting_deliver(struct receiver *receiver);

/*
 * We have said our last word. Our side is shut down and the peer's close awaited, so that what we
 * have said is not lost to a reset, for as long as the peer takes it. Nothing that comes now is
 * written any more. Whatever happens to the connection changes nothing either, but a peer that
 * goes on talking once all is confirmed is not one that speaks the protocol: then an error of
 * receiver_take.
 */
enum kith_error parting_await_close(struct receiver *receiver);

#endif
