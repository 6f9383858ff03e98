/*
 * What a stream lacks once its transport brings or takes no more: which ERR_CUT_ it ends with.
 */
#ifndef KITH_CUT_H
#define KITH_CUT_H

#include <stdbool.h>

#include "base/error.h"
#include "stream/link.h"
#include "stream/sender.h"

/* Both sides have sent and received everything, and the transport has taken our part of it. */
bool cut_lacks_nothing(const struct link *link, const struct sender *sender);

/* The first that is missing, or OK: an ERR_CUT_ but ERR_CUT_NOTHING and ERR_CUT_AT_END. */
enum kith_error cut_lacks(const struct link *link, const struct sender *sender);

/* Whether an error is one of those. */
bool cut_is(enum kith_error error);

#endif
