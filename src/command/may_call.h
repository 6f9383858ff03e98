/*
 * Those who may call: everyone in the peers file, or whom --peer names.
 */
#ifndef KITH_MAY_CALL_H
#define KITH_MAY_CALL_H

#include "base/error.h"
#include "command/options.h"
#include "peers/directory.h"
#include "peers/peers.h"

/* Add them to a set. What is wrong is logged. */
must_check enum kith_error may_call_read(struct directory *directory, const struct options *options,
                                         struct peers *chosen);

/*
 * The same when they are read again: a name of --peer that the peers file has no longer is gone
 * with its line, as any other.
 */
must_check enum kith_error may_call_read_again(struct directory *directory,
                                               const struct options *options, struct peers *chosen);

/*
 * Say if there is nobody: ERR_NOBODY, but for a daemon, which goes on without, as its peers may be
 * read again.
 */
must_check enum kith_error may_call_expect(const struct options *options,
                                           const struct peers *chosen);

#endif
