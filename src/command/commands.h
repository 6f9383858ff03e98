/*
 * The commands, each a function of its options; what goes wrong they have logged.
 */
#ifndef KITH_COMMANDS_H
#define KITH_COMMANDS_H

#include "base/error.h"
#include "command/options.h"

must_check enum kith_error command_keygen(const struct options *options);
must_check enum kith_error command_pubkey(const struct options *options);
must_check enum kith_error command_import(const struct options *options);
must_check enum kith_error command_listen(const struct options *options);
must_check enum kith_error command_dial(const struct options *options);
must_check enum kith_error command_check(const struct options *options);
must_check enum kith_error command_serve(const struct options *options);
must_check enum kith_error command_forward(const struct options *options);

must_check enum kith_error command_meet(const struct options *options);

#endif
