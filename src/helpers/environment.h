/*
 * The environment that a program gets: ours, without what is for us alone, and with what it is
 * told.
 */
#ifndef KITH_ENVIRONMENT_H
#define KITH_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Asked in environment_replace: whether a variable, as NAME=VALUE, is no program's to have from us.
 */
typedef bool environment_judge(const char *variable);

/*
 * In a process that is about to become the program: leave out those that is_ours says, and what a
 * supervisor says to one process; then add count others, which are not copied. False with errno.
 */
must_check bool environment_replace(environment_judge *is_ours, char *const *added, size_t count);

#endif
