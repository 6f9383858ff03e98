/*
 * Where a daemon listens: at one place, or at several that are reported each by itself, in their
 * order.
 */
#ifndef KITH_DOORS_H
#define KITH_DOORS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/listen.h"

#define DOORS_MAX ((size_t)65)
#define DOORS_NAME_SIZE (ADDRESS_TEXT_SIZE + 32)
#define DOORS_LIST_SIZE (DOORS_MAX * (ADDRESS_TEXT_SIZE + 2))

struct doors {
    struct listeners list[DOORS_MAX];
    size_t count;
    char name[DOORS_NAME_SIZE]; /* in logs: the first one's address, and how many more there are */
};

/* Give them their name, by what they are now. */
void doors_describe(struct doors *doors);

/* How many sockets there are. */
size_t doors_sockets(const struct doors *doors);

/* Whether one of them is a UNIX socket, ours or passed. */
bool doors_have_unix(const struct doors *doors);

/* Their addresses, with this between them. */
void doors_format(char out[static DOORS_LIST_SIZE], const struct doors *doors, const char *between);

/* Close them all; fine twice. */
void doors_close(struct doors *doors);

#endif
