/*
 * The system calls that each role may still make, as a seccomp filter (Linux).
 */
#ifndef KITH_SANDBOX_CALLS_H
#define KITH_SANDBOX_CALLS_H

#include "system/sandbox.h"

/* Install the filter of a role. NULL, or why it cannot be. */
const char *sandbox_filter_calls(enum sandbox_role role, const struct sandbox_needs *needs);

#endif
