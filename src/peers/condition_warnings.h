/*
 * Warnings of conditions of peers that cannot hold, or permit nothing that there is: the file may
 * have a mistake.
 */
#ifndef KITH_CONDITION_WARNINGS_H
#define KITH_CONDITION_WARNINGS_H

#include "peers/directory.h"
#include "peers/peers.h"
#include "peers/target.h"

/*
 * Warn of what is in vain, of those who may call: an expiry-time that has passed, and what stands
 * in permit-target and is none of these targets (NULL: nothing is asked for here). The directory is
 * the one that they were found in. Of many lines the first few are shown, and how many more there
 * are.
 */
void condition_warnings_log(const struct directory *directory, const struct peers *peers,
                            const struct targets *targets);

#endif
