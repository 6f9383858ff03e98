/*
 * What calls need that go by the command of --via.
 */
#ifndef KITH_SETUP_VIA_H
#define KITH_SETUP_VIA_H

#include <stddef.h>

#include "base/error.h"
#include "command/setup.h"

/*
 * With --via, after setup_choose_callees and before anything else that starts programs: have ready
 * what starts the command. What fails is logged.
 */
must_check enum kith_error setup_start_via(struct setup *setup);

/* How many descriptors a channel takes. */
size_t setup_descriptors_of_channel(const struct options *options);

#endif
