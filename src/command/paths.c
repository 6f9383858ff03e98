/*
 * Owns the rule of where files are looked for. Must never open one.
 */
#include "command/paths.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static bool fits(int len)
{
    return len >= 0 && len < FILE_PATH_SIZE;
}

/* A variable of the environment that is set and not empty, or NULL. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *home(void)
{
    const char *given = variable("HOME");
    const struct passwd *entry;

    if (given != NULL)
        return given;
    entry = getpwuid(getuid());
    return entry == NULL || entry->pw_dir[0] == '\0' ? NULL : entry->pw_dir;
}

static enum kith_error find_file(char out[static FILE_PATH_SIZE], const char *given,
                                 const char *override, const char *name)
{
    const char *folder = variable("KITH_DIR");
    int len;

    if (given == NULL)
        given = variable(override);
    if (given != NULL)
        len = snprintf(out, FILE_PATH_SIZE, "%s", given);
    else if (folder != NULL)
        len = snprintf(out, FILE_PATH_SIZE, "%s/%s", folder, name);
    else if ((folder = variable("XDG_CONFIG_HOME")) != NULL)
        len = snprintf(out, FILE_PATH_SIZE, "%s/kith/%s", folder, name);
    else if ((folder = home()) != NULL)
        len = snprintf(out, FILE_PATH_SIZE, "%s/.config/kith/%s", folder, name);
    else
        return ERR_NO_HOME;
    return fits(len) ? OK : ERR_PATH_LONG;
}

enum kith_error path_of_identity(char out[static FILE_PATH_SIZE], const char *given)
{
    return find_file(out, given, "KITH_IDENTITY", "identity");
}

enum kith_error path_of_peers(char out[static FILE_PATH_SIZE], const char *given)
{
    return find_file(out, given, "KITH_PEERS", "peers");
}
