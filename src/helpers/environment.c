/*
 * Owns what a program has of our environment. Must never change a variable that it passes on, nor
 * cut a name short: another's may begin alike.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems */
#include "helpers/environment.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

/* What says something to the process that was started, which the program is not. */
static bool is_supervisors(const char *variable)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

bool environment_replace(environment_judge *is_ours, char *const *added, size_t count)
{
    size_t had = 0, used = 0;
    char **list;

    while (environ != NULL && environ[had] != NULL)
        had++;
    list = calloc(had + count + 1, sizeof(char *));
    if (list == NULL)
        return false;
    for (size_t i = 0; i < had; i++) {
        if (!is_ours(environ[i]) && !is_supervisors(environ[i]))
            list[used++] = environ[i];
    }
    for (size_t i = 0; i < count; i++)
        list[used++] = added[i];
    environ = list;
    return true;
}
