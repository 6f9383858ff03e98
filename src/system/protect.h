/*
 * What keeps secrets of a process from leaving it: no core files, no tracing, memory that is not
 * swapped out, no descriptors that it does not need, and 0 to 2 nobody else's.
 */
#ifndef KITH_PROTECT_H
#define KITH_PROTECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* No core file of this process, and no tracing where the system can forbid it. */
void protect_process(void);

/* Nor of any child, ever: for a process that starts no programs. */
void protect_for_good(void);

/*
 * The same, in a run that has count helpers start programs, which may have what protect_give_back
 * gives them: once the last of those has been started, or it is known that there is no need to.
 */
void protect_after_starts(size_t count);
void protect_started(void);

/* For a child that becomes a program: what it could have without us. */
void protect_give_back(void);

/* Lock memory that will hold a secret, as far as the system lets us. */
void protect_secret(void *memory, size_t len);

/*
 * Memory for a secret that has its pages to itself: locked as far as the system lets us, in no core
 * file, zeroed. NULL with errno. protect_free overwrites it and gives it back; NULL is fine.
 */
void *protect_new(size_t len);
void protect_free(void *memory, size_t len);

/* Processes that are forked from here on find such memory empty, where the system can do that. */
void protect_from_children(void *memory, size_t len);

/*
 * Descriptors 0 to 2 are open from here on: one that was closed reads as empty, writes fail. False
 * with errno if that fails: then nothing else may be opened.
 */
must_check bool protect_standard_descriptors(void);

/* What is said to standard error is lost from here on. False with errno. */
must_check bool protect_mute(void);

/* Close every descriptor from 3 on but these, in any order; those below 0 stand for none. */
void protect_close_all_but(const int *keep, size_t count);

/*
 * At the start, with nothing of our own open: the same, so that we have of the descriptors that we
 * were started with only those we need; and be ready for protect_vacate. False with errno.
 */
must_check bool protect_keep(const int *keep, size_t count);

/*
 * Close a descriptor for good. The place of one of 0 to 2 is taken, at the same moment, by what
 * reads as empty and cannot be written to. Fine if it is closed already, and for -1. Keeps errno.
 */
void protect_vacate(int fd);

/*
 * Nothing passes a descriptor any more, and the other side sees that it is closed; its number stays
 * taken, for whoever in another thread is about to use it. Its place is taken as above.
 */
void protect_silence(int fd);

#endif
