/*
 * The lookup: a process of its own that resolves names for one that is confined, and so may read
 * no file and ask nobody. It has no key and no connection.
 */
#ifndef KITH_LOOKUP_H
#define KITH_LOOKUP_H

#include "base/error.h"

/*
 * Fork it; resolve() asks it from here on. It ends when we do. Before any thread, and before this
 * process is confined. ERR_SYSTEM, with errno.
 */
must_check enum kith_error lookup_start(void);

#endif
