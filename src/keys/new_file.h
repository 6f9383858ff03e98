/*
 * Files that are made for keys and peers: each whole or not there, and with the rights that it is
 * to have from its first moment.
 */
#ifndef KITH_NEW_FILE_H
#define KITH_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "system/rights.h"

/* A file that is to be. */
struct new_file {
    const char *path;
    const char *text;
    unsigned mode;
    const struct rights *rights; /* in the place of the mode, and its owner's; or NULL: ours */
};

/*
 * Write new files with exactly these modes, or rights as far as they can be given, all or none:
 * each into a temporary file beside its place, flushed; then, once all are, they are put in place
 * one after the other, and if one cannot be, what was there before is again. An existing file, or a
 * symbolic link, is ERR_FILE_EXISTS unless replace, which puts the new one in its place; something
 * else of that name is then ERR_FILE_KIND. The folders above them are made (0700) as far as they
 * are missing; that of the first is locked meanwhile where they are several, ERR_FOLDER_LOCKED if
 * another process has its lock for five seconds. ERR_MEMORY; ERR_SYSTEM (errno is set). *failed is
 * the place of the one that could not be. No signal comes while they are written.
 */
must_check enum kith_error new_files_write(const struct new_file *files, size_t count, bool replace,
                                           size_t *failed);

#endif
