/*
 * Owns where a program would be found. Must never execute one.
 */
#include "helpers/program_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_IN_PATH "no such program in PATH"
#define LINE_NOT_IN_PATH NOT_IN_PATH " (" PROGRAM_LINE_HINT ")"

/* What a shell takes as it stands. */
#define PLAIN_IN_A_SHELL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-"

static const char *path_obstacle(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return "no such program";
    if (S_ISDIR(status.st_mode))
        return "a folder, and no program";
    return access(path, X_OK) == 0 ? NULL : "a file that may not be executed";
}

/* Whether it is in one of the folders of PATH, of which an empty one is where we are. */
static bool is_in(const char *folders, const char *name)
{
    char path[PATH_MAX];
    size_t len;

    for (;; folders += len + 1) {
        len = strcspn(folders, ":");
        (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)len, folders, len > 0 ? "/" : "", name);
        if (path_obstacle(path) == NULL)
            return true;
        if (folders[len] == '\0')
            return false;
    }
}

const char *program_file_obstacle(const char *name)
{
    const char *folders = getenv("PATH");

    if (strchr(name, '/') != NULL)
        return path_obstacle(name);
    if (folders == NULL || is_in(folders, name))
        return NULL;
    return strchr(name, ' ') == NULL ? NOT_IN_PATH : LINE_NOT_IN_PATH;
}

const char *program_line_obstacle(const char *line)
{
    size_t len;
    char path[PATH_MAX];

    line += strspn(line, " \t\r\n");
    len = strspn(line, PLAIN_IN_A_SHELL);
    if (len == 0 || len >= sizeof(path) || memchr(line, '/', len) == NULL ||
        strchr(" \t\r\n", line[len]) == NULL) /* nor the end, which strchr finds */
        return NULL;
    (void)snprintf(path, sizeof(path), "%.*s", (int)len, line);
    return path_obstacle(path);
}

void program_line_words(char *words[static PROGRAM_LINE_WORDS], char *line)
{
    static char shell[] = "/bin/sh", option[] = "-c";

    words[0] = shell;
    words[1] = option;
    words[2] = line;
    words[3] = NULL;
}
