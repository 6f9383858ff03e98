/*
 * Owns the choice of our own name. Must never take one that peers could not write down, nor open a
 * private key for it.
 */
#include "command/own_name.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/paths.h"
#include "keys/key_file.h"

#define HOSTNAME_SIZE 256

/* The user's, who is a person; but root is the same on every machine. */
static bool find_user(char name[static NAME_SIZE])
{
    const struct passwd *entry = getuid() == 0 ? NULL : getpwuid(getuid());

    if (entry == NULL || !name_check(entry->pw_name, strlen(entry->pw_name), NULL))
        return false;
    (void)snprintf(name, NAME_SIZE, "%s", entry->pw_name);
    return true;
}

static bool find_host(char name[static NAME_SIZE])
{
    char host[HOSTNAME_SIZE] = "";

    if (gethostname(host, sizeof(host) - 1) != 0)
        return false;
    host[strcspn(host, ".")] = '\0';
    if (!name_check(host, strlen(host), NULL))
        return false;
    (void)snprintf(name, NAME_SIZE, "%s", host);
    return true;
}

bool own_published(uint8_t key[static KEY_SIZE], char name[static NAME_SIZE], const char *identity)
{
    char given[FILE_PATH_SIZE], path[FILE_PATH_SIZE + 4];
    struct key_file file = {0};
    bool found = path_of_identity(given, identity) == OK;

    (void)snprintf(path, sizeof(path), "%s.pub", found ? given : "");
    found = found && key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_PUBLIC) == OK &&
            public_key_parse(key, name, file.text, file.len) == OK;
    key_file_wipe(&file);
    return found;
}

bool own_name(char name[static NAME_SIZE], const char *given, struct problem *problem)
{
    if (given != NULL && !name_check(given, strlen(given), problem))
        return false;
    if (given == NULL && (find_user(name) || find_host(name)))
        return true;
    /* Without one, the line of a key is a seed in form. */
    (void)snprintf(name, NAME_SIZE, "%s", given != NULL ? given : "unnamed");
    return true;
}
