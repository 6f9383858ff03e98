/*
 * The filer: a process of its own that has the folder of the FILE of -o. What arrives is written
 * beside it, to a file without a name where the system has that; the filer puts it in its place
 * once it is told that all is there, and removes it if it is not told. So the process that faces
 * the network can change no name, and whatever becomes of that, no part of a file is left.
 */
#ifndef KITH_FILER_H
#define KITH_FILER_H

#include <stdbool.h>

#include "base/error.h"
#include "helpers/helper.h"

struct filer {
    struct helper helper; /* a byte on its line: all is there; ready once that was answered */
    int file;             /* to write to; the caller's to close, and closed before that byte */
    bool placed;          /* it has its name for good */
};

#define FILER_NONE ((struct filer){.helper = HELPER_NONE, .file = -1})

/*
 * Make the file and fork the filer, for command what: its place is path, where nothing is unless
 * replace says that a file may be. Before any thread, and before this process is confined. What
 * cannot be is logged: ERR_OUTPUT_EXISTS, ERR_OUTPUT_KIND, ERR_OUTLET for what the system says, and
 * ERR_PROCESS.
 */
must_check enum kith_error filer_start(struct filer *filer, const char *what, const char *path,
                                       bool replace);

/*
 * Once its line is ready: OK if the file has its name and is on the disk. ERR_OUTLET with errno,
 * ERR_OUTPUT_EXISTS, ERR_OUTPUT_KIND, ERR_FILER. A local_end_judge for it.
 */
enum kith_error filer_result(void *context);

/* Let it go, and wait until what has no place is removed; fine twice. */
void filer_end(struct filer *filer);

#endif
