/*
 * The scribe: a process of its own that adds a line to the peers file, for one that is confined and
 * so may open no file.
 */
#ifndef KITH_SCRIBE_H
#define KITH_SCRIBE_H

#include "base/bytes.h"
#include "base/error.h"
#include "helpers/helper.h"
#include "peers/addition.h"

/*
 * Fork it; it adds to this file alone, for an identity with this key. Before any thread, and before
 * this process is confined. ERR_PROCESS, ERR_SYSTEM, which are logged.
 */
must_check enum kith_error scribe_start(struct helper *scribe, const char *path,
                                        const uint8_t own_key[static KEY_SIZE]);

/*
 * Have a peer added: the errors of addition_write, with errno, and ERR_SYSTEM with ETIMEDOUT for a
 * scribe that does not answer, EPIPE for one that is gone. Waits for seconds.
 */
must_check enum kith_error scribe_add(const struct helper *scribe, const struct addition *addition);

#endif
