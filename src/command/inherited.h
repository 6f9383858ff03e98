/*
 * What a run is started with beside its options: its descriptors, and the namespace that is a
 * secret. What is wrong is logged.
 */
#ifndef KITH_INHERITED_H
#define KITH_INHERITED_H

#include <stddef.h>

#include "base/error.h"
#include "command/options.h"
#include "keys/secret_namespace.h"

/*
 * Of what we were started with we keep what an option names, until it was read, and the sockets of
 * a supervisor: the rest is none of our business, and none of the programs' that we start. A path
 * that names a descriptor which is not there would mean one of our own from here on.
 */
must_check enum kith_error inherited_close_others(const struct options *options,
                                                  const char *identity_path,
                                                  const char *const *files, size_t file_count);

/*
 * Read the file of --namespace-file, if there is one, before the keeper is forked, which so has
 * what it holds; secret_namespace_withhold keeps it from every process after that one.
 */
must_check enum kith_error inherited_read_namespace(struct secret_namespace **secret,
                                                    const struct options *options,
                                                    const char *identity_path);

/* The keeper has its own: from here on this process has no descriptor of a secret. */
void inherited_close_secrets(const struct options *options, const char *identity_path);

#endif
