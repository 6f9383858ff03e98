/*
 * Where the files are: the configuration folder and what the environment says.
 */
#ifndef KITH_PATHS_H
#define KITH_PATHS_H

#include <stddef.h>

#include "base/error.h"
#include "keys/key_file.h"

/*
 * The path of the identity or the peers file: given on the command line (or NULL), else by
 * KITH_IDENTITY or KITH_PEERS, else in the configuration folder: $KITH_DIR, $XDG_CONFIG_HOME/kith
 * or ~/.config/kith. ERR_NO_HOME if there is none, ERR_PATH_LONG if the path does not fit.
 */
#define USUAL_IDENTITY "~/.config/kith/identity" /* in words, where there is none */
must_check enum kith_error path_of_identity(char out[static FILE_PATH_SIZE], const char *given);
must_check enum kith_error path_of_peers(char out[static FILE_PATH_SIZE], const char *given);

#endif
