/*
 * Owns the choice of our own name. Must never take one that peers could not write down.
 */
#include "command/own_name.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOSTNAME_SIZE 256

bool own_name(char name[static NAME_SIZE], const char *given, struct problem *problem)
{
    char host[HOSTNAME_SIZE] = "";
    const char *chosen = given != NULL ? given : host;

    if (given == NULL && gethostname(host, sizeof(host) - 1) == 0)
        host[strcspn(host, ".")] = '\0';
    if (given == NULL && !name_check(host, strlen(host), NULL))
        chosen = "unnamed"; /* without one, the line of a key is a seed in form */
    if (!name_check(chosen, strlen(chosen), problem))
        return false;
    (void)snprintf(name, NAME_SIZE, "%s", chosen);
    return true;
}
