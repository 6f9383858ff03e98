/*
 * A namespace that is a secret, which both sides have as a file: since it goes into the keys of a
 * channel, and never over the wire, it is a pre-shared key. In memory of its own, which is locked,
 * left out of core files, and not there in processes that we start.
 */
#ifndef KITH_SECRET_NAMESPACE_H
#define KITH_SECRET_NAMESPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "protocol/handshake.h"

#define SECRET_NAMESPACE_MIN 32 /* bytes; NAMESPACE_GIVEN_MAX at most */

/* It has several holders, and is gone with the last. */
struct secret_namespace {
    _Atomic unsigned holders;
    size_t len;
    uint8_t bytes[NAMESPACE_GIVEN_MAX];
};

/*
 * Take a file's text: one line of printable ASCII, as it stands but for its end.
 * ERR_NAMESPACE_SHORT, ERR_NAMESPACE_LONG, ERR_NAMESPACE_LINES, ERR_NAMESPACE_BYTES; ERR_MEMORY.
 */
must_check enum kith_error secret_namespace_parse(struct secret_namespace **made, const char *text,
                                                  size_t len);

/*
 * Read the file at path, which is kept as a private key's has to be; *group_readable is worth a
 * warning. The errors of key_file_read, with errno where that sets it, and those above.
 */
must_check enum kith_error secret_namespace_read(struct secret_namespace **made, const char *path,
                                                 bool *group_readable);

/* Log what went wrong with the file at path; errno is still that of the error. Returns the error.
 */
enum kith_error secret_namespace_log_failure(enum kith_error error, const char *path);

/* Warn of a file that its group can read. */
void secret_namespace_warn(const char *path);

/* What is signed with it, as long as it is there. */
struct namespace secret_namespace_view(const struct secret_namespace *secret);

/* Processes that are forked from here on do not have it. */
void secret_namespace_withhold(struct secret_namespace *secret);

/* One holder more, in any thread; NULL is fine. Returns it. */
struct secret_namespace *secret_namespace_hold(struct secret_namespace *secret);

/* One less: after the last it is overwritten and freed; NULL is fine. */
void secret_namespace_release(struct secret_namespace *secret);

/*
 * What tells one from another while it is no longer there, and does not show it: a part of its
 * hash. Zeroes stand for none.
 */
struct namespace_mark {
    uint8_t bytes[16];
};
must_check enum kith_error secret_namespace_mark(struct namespace_mark *mark,
                                                 const struct secret_namespace *secret);
bool namespace_mark_equals(const struct namespace_mark *a, const struct namespace_mark *b);

#endif
