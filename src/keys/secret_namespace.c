/*
 * Owns the step from a file to a secret namespace, and the memory of that. Must never decode, hash
 * or mend what it holds: the other side may be another program, which has the same bytes.
 */
#include "keys/secret_namespace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "system/protect.h"

/* The length without the line's end. */
static size_t line_length(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        len--;
    else
        return len;
    return len > 0 && text[len - 1] == '\r' ? len - 1 : len;
}

/* Whether a line is one that we take. All of it is looked at, for what is wrong is worth a word. */
static enum kith_error check(const char *line, size_t len)
{
    bool foreign = false;

    if (memchr(line, '\n', len) != NULL)
        return ERR_NAMESPACE_LINES;
    for (size_t i = 0; i < len; i++)
        foreign = foreign || line[i] < ' ' || line[i] > '~';
    if (foreign)
        return ERR_NAMESPACE_BYTES;
    if (len < SECRET_NAMESPACE_MIN)
        return ERR_NAMESPACE_SHORT;
    return len <= NAMESPACE_GIVEN_MAX ? OK : ERR_NAMESPACE_LONG;
}

enum kith_error secret_namespace_parse(struct secret_namespace **made, const char *text, size_t len)
{
    size_t line = line_length(text, len);
    enum kith_error error = check(text, line);

    *made = NULL;
    if (error != OK)
        return error;
    *made = protect_new(sizeof(**made));
    if (*made == NULL)
        return ERR_MEMORY;
    atomic_init(&(*made)->holders, 1);
    (*made)->len = line;
    memcpy((*made)->bytes, text, line);
    return OK;
}

enum kith_error secret_namespace_read(struct secret_namespace **made, const char *path,
                                      bool *group_readable)
{
    struct key_file file;
    enum kith_error error = key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_SECRET);
    int saved;

    *made = NULL;
    *group_readable = file.group_readable;
    if (error == OK)
        error = secret_namespace_parse(made, file.text, file.len);
    saved = errno;
    key_file_wipe(&file);
    errno = saved;
    return error;
}

enum kith_error secret_namespace_log_failure(enum kith_error error, const char *path)
{
    char hint[FILE_PATH_SIZE + 64];
    bool may_be_made = error == ERR_FILE_MISSING && key_file_descriptor(path) < 0;

    (void)snprintf(hint, sizeof(hint),
                   "copy the other side's; or make one, for both: kith keygen --namespace %s",
                   path);
    return log_failure(LOG_ERROR, "namespace", path, error, NULL, may_be_made ? hint : NULL);
}

void secret_namespace_warn(const char *path)
{
    if (!key_file_is_credential(path))
        log_event(LOG_NOTE, "namespace", path, "warning: its group can read this secret",
                  "chmod 600 it, unless that is meant");
}

struct namespace secret_namespace_view(const struct secret_namespace *secret)
{
    return (struct namespace){secret->bytes, secret->len};
}

void secret_namespace_withhold(struct secret_namespace *secret)
{
    protect_from_children(secret, sizeof(*secret));
}

struct secret_namespace *secret_namespace_hold(struct secret_namespace *secret)
{
    if (secret != NULL)
        (void)atomic_fetch_add(&secret->holders, 1);
    return secret;
}

void secret_namespace_release(struct secret_namespace *secret)
{
    if (secret != NULL && atomic_fetch_sub(&secret->holders, 1) == 1)
        protect_free(secret, sizeof(*secret));
}

enum kith_error secret_namespace_mark(struct namespace_mark *mark,
                                      const struct secret_namespace *secret)
{
    static const char label[] = "kith/mark/1"; /* with its NUL */
    const struct piece pieces[] = {{label, sizeof(label)}, {secret->bytes, secret->len}};
    uint8_t digest[HASH_SIZE];
    enum kith_error error = crypto_sha256(digest, pieces, 2);

    memcpy(mark->bytes, digest, sizeof(mark->bytes));
    crypto_wipe(digest, sizeof(digest));
    return error;
}

bool namespace_mark_equals(const struct namespace_mark *a, const struct namespace_mark *b)
{
    return crypto_equal(a->bytes, b->bytes, sizeof(a->bytes));
}
