/*
 * Who may do what with a file, for one that takes another's place: its mode, its owner and group,
 * and its access list (an ACL of POSIX, on Linux).
 */
#ifndef KITH_RIGHTS_H
#define KITH_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

#define RIGHTS_ACL_SIZE 4096 /* for some 500 entries */

struct rights {
    mode_t mode;
    uid_t owner;
    gid_t group;
    int acl_size; /* bytes; 0 without a list, -1 for one that cannot be read */
    uint8_t acl[RIGHTS_ACL_SIZE];
};

/* Those of the file at path, which is no link, and of which this is the status. */
void rights_look(struct rights *rights, const char *path, const struct stat *status);

/*
 * Give them to an open file of ours that others cannot use yet; the owner stays who it is. Where
 * the group or the list cannot be given, nobody gets a right that they had not: what is left then
 * is at least that of the owner. False with errno if not even that can be said.
 */
must_check bool rights_give(const struct rights *rights, int file);

#endif
