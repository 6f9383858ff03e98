/*
 * The lookup: a process of its own that finds names, and reads files, for one that is confined, and
 * so may open no file and ask nobody. It finds both as any program would, at that moment. It has no
 * key and no connection.
 */
#ifndef KITH_LOOKUP_H
#define KITH_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/helper.h"
#include "net/address.h"
#include "net/connect.h"
#include "net/endpoint.h"
#include "net/resolve.h"
#include "peers/directory.h"

/*
 * Fork it; it reads these files, and no others but the namespace files that the peers file names
 * then, if that is one of them. Before any thread, and before this process is confined.
 * ERR_PROCESS, ERR_SYSTEM, which are logged.
 */
must_check enum kith_error lookup_start(struct helper *lookup, const char *const *files,
                                        size_t count, const char *peers_path);

/*
 * All stream addresses of an address to call, by the deadline, as resolve() gives them; also
 * ERR_RESOLVE_TIMEOUT, ERR_PROCESS. A number needs nobody. Where no lookup was started, one is for
 * this question: before any thread. Otherwise safe for threads.
 */
must_check enum kith_error lookup_resolve(const struct helper *lookup,
                                          const struct address *address, int family,
                                          int64_t deadline_ms, struct resolved *found,
                                          struct problem *problem);

/* Resolve that, and connect to what is found, by one deadline: see connect_to_any. */
must_check enum kith_error lookup_connect(const struct helper *lookup,
                                          const struct address *address,
                                          const struct net_options *options, int64_t deadline_ms,
                                          int *fd, struct endpoint *peer, struct problem *problem);

/* What goes before the text of a file. */
struct file_head {
    int32_t error;
    int32_t system_errno;
    uint32_t len;
    uint32_t namespaces_len; /* of what follows the text */
    uint32_t writers;
};

/* A file on its way from the lookup. */
struct reading {
    int fd; /* to poll; -1 when none is under way */
    size_t here;
    struct file_head head;
    struct file_text *text;
};

/*
 * Ask for the file at this place of the list, to be put into a text (whose path is the caller's).
 * True if it is on its way; false with errno as of question_ask.
 */
bool lookup_read(const struct helper *lookup, size_t file, int64_t deadline_ms,
                 struct reading *reading, struct file_text *text);

/* Take what is here of it. True once that is all: what went wrong is in the text. */
bool lookup_has_read(struct reading *reading);

/* Whoever no longer wants it; fine twice. */
void lookup_forget(struct reading *reading);

#endif
