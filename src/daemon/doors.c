/*
 * Owns what is said of the places where a daemon listens. Must never leave one of them open at the
 * end.
 */
#include "daemon/doors.h"

#include <stdio.h>

#include "net/socket.h"

void doors_describe(struct doors *doors)
{
    const char *first = doors->list[0].text;

    if (doors->count < 2)
        (void)snprintf(doors->name, sizeof(doors->name), "%s", first);
    else
        (void)snprintf(doors->name, sizeof(doors->name), "%s and %zu more", first,
                       doors->count - 1);
}

size_t doors_sockets(const struct doors *doors)
{
    size_t sockets = 0;

    for (size_t i = 0; i < doors->count; i++)
        sockets += doors->list[i].count;
    return sockets;
}

bool doors_have_unix(const struct doors *doors)
{
    for (size_t i = 0; i < doors->count; i++) {
        for (size_t j = 0; j < doors->list[i].count; j++) {
            if (socket_is_unix(doors->list[i].fds[j]))
                return true;
        }
    }
    return false;
}

void doors_format(char out[static DOORS_LIST_SIZE], const struct doors *doors, const char *between)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < doors->count; i++)
        used += (size_t)snprintf(out + used, DOORS_LIST_SIZE - used, "%s%s", i == 0 ? "" : between,
                                 doors->list[i].text);
}

void doors_close(struct doors *doors)
{
    for (size_t i = 0; i < DOORS_MAX; i++)
        listeners_close(&doors->list[i]);
}
