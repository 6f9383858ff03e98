/*
 * Owns what is carried over from a file to the one that takes its place. Must never give anybody a
 * right to the new one that they did not have to the old one.
 */
#include "system/rights.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/xattr.h>

#define ACL_NAME "system.posix_acl_access"

/* Whether a call failed because there is no list, or no such thing as a list. */
static bool has_none(void)
{
    return errno == ENODATA || errno == EOPNOTSUPP;
}

static int look_at_acl(uint8_t acl[static RIGHTS_ACL_SIZE], const char *path)
{
    ssize_t n = lgetxattr(path, ACL_NAME, acl, RIGHTS_ACL_SIZE);

    if (n < 0)
        return has_none() ? 0 : -1;
    return (int)n;
}

/* One without a list may have got another from its folder, which goes. */
static bool give_acl(const uint8_t *acl, int size, int file)
{
    if (size > 0)
        return fsetxattr(file, ACL_NAME, acl, (size_t)size, 0) == 0;
    return fremovexattr(file, ACL_NAME) == 0 || has_none();
}

#else

static int look_at_acl(uint8_t acl[static RIGHTS_ACL_SIZE], const char *path)
{
    (void)acl;
    (void)path;
    return 0;
}

static bool give_acl(const uint8_t *acl, int size, int file)
{
    (void)acl;
    (void)size;
    (void)file;
    return true;
}

#endif

void rights_look(struct rights *rights, const char *path, const struct stat *status)
{
    rights->mode = status->st_mode & 07777;
    rights->owner = status->st_uid;
    rights->group = status->st_gid;
    rights->acl_size = look_at_acl(rights->acl, path);
}

static bool give_group(gid_t group, int file)
{
    struct stat now;

    return (fstat(file, &now) == 0 && now.st_gid == group) || fchown(file, (uid_t)-1, group) == 0;
}

/*
 * In another group those who were in the old one are others, and some of the others are in it: all
 * of them may what both might.
 */
static mode_t for_another_group(mode_t mode)
{
    mode_t both = mode & (mode >> 3) & S_IRWXO;

    return (mode & S_IRWXU) | both << 3 | both;
}

bool rights_give(const struct rights *rights, int file)
{
    bool in_group, listed;
    mode_t mode = rights->mode;

    if (fchmod(file, mode & S_IRWXU) != 0) /* nobody else has anything between these steps */
        return false;
    in_group = give_group(rights->group, file);
    listed = (in_group || rights->acl_size == 0) && rights->acl_size >= 0 &&
             give_acl(rights->acl, rights->acl_size, file);
    if (!listed)
        mode &=
            S_IRWXU; /* a list may take from its own group, and from others, what the mode says */
    else if (!in_group)
        mode = for_another_group(mode);
    return fchmod(file, mode) == 0;
}
