/*
 * Owns what a run is started with beside its options: its descriptors, and the namespace that is a
 * secret. Must never read two secrets from one descriptor, nor leave one of a secret open in the
 * process that faces the network.
 */
#include "command/inherited.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "keys/key_file.h"
#include "net/passed.h"
#include "system/protect.h"

enum kith_error inherited_close_others(const struct options *options, const char *identity_path,
                                       const char *const *files, size_t file_count)
{
    const char *paths[PEERS_NAMED_MAX + 5] = {identity_path, options->passphrase_file,
                                              options->namespace_file};
    int keep[PEERS_NAMED_MAX + 5 + 1 + PASSED_MAX + 1];
    size_t path_count = 3, count = 0;

    for (size_t i = 0; i < file_count; i++)
        paths[path_count++] = files[i];
    for (size_t i = 0; i < path_count; i++) {
        int fd = paths[i] == NULL ? -1 : key_file_find_descriptor(paths[i]);

        if (fd >= 0 && fcntl(fd, F_GETFD) < 0)
            return log_failure(LOG_ERROR, "descriptor", paths[i], ERR_FILE_MISSING,
                               "it is not open", NULL);
        if (options->inetd && fd >= 0 && fd <= STDOUT_FILENO)
            return log_failure(LOG_ERROR, "descriptor", paths[i], ERR_USAGE,
                               "with --inetd it is the channel", NULL);
        keep[count++] = fd;
    }
    if (!options->inetd) /* for which systemd passes the channel itself, once more */
        count += passed_list(keep + count);
    for (size_t i = 0; i < count; i++) { /* who closes it first leaves the other somebody else's */
        if (keep[i] >= 0 && keep[i] == options->ready_fd)
            return log_failure(LOG_ERROR, "--ready-fd", NULL, ERR_USAGE, "it has another use",
                               NULL);
    }
    keep[count++] = options->ready_fd;
    if (!protect_keep(keep, count))
        return log_failure(LOG_ERROR, "descriptors", NULL, ERR_SYSTEM, NULL, NULL);
    log_open();
    return OK;
}

void inherited_close_secrets(const struct options *options, const char *identity_path)
{
    const char *paths[] = {identity_path, options->passphrase_file, options->namespace_file};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] != NULL)
            protect_vacate(key_file_find_descriptor(paths[i]));
    }
}

/* What a descriptor gives, it gives once. */
static bool is_read_twice(const struct options *options, const char *identity_path,
                          const char *path)
{
    const char *passphrase_file = options->passphrase_file;

    return key_file_is_same_descriptor(path, identity_path) ||
           (passphrase_file != NULL && key_file_is_same_descriptor(path, passphrase_file));
}

enum kith_error inherited_read_namespace(struct secret_namespace **secret,
                                         const struct options *options, const char *identity_path)
{
    const char *path = options->namespace_file;
    bool group_readable = false;
    enum kith_error error = ERR_NAMESPACE_SOURCE;

    *secret = NULL;
    if (path == NULL)
        return OK;
    if (!is_read_twice(options, identity_path, path))
        error = secret_namespace_read(secret, path, &group_readable);
    if (error != OK)
        return secret_namespace_log_failure(error, path);
    if (group_readable)
        secret_namespace_warn(path);
    return OK;
}
