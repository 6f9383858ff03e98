/*
 * Owns the confinement on Linux: seccomp for system calls, Landlock for files and TCP ports. Must
 * never fail the program: a kernel without them runs it as before.
 */
#define _GNU_SOURCE /* syscall, O_PATH */
#include "base/text.h"
#include "system/sandbox.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "system/sandbox_calls.h"

/*
 * Landlock's interface (linux/landlock.h), of which older headers have only a part.
 */
#define LANDLOCK_CREATE 444
#define LANDLOCK_ADD 445
#define LANDLOCK_RESTRICT 446
#define LANDLOCK_VERSION 1u
#define RULE_PATH 1
#define RULE_PORT 2
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_MAKE_FILE (UINT64_C(1) << 8)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_WRITES (FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_FILE)
#define FS_EXECUTE (UINT64_C(1) << 0)
#define NET_BIND (UINT64_C(1) << 0)
#define NET_CONNECT (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t access;
    int32_t parent_fd;
} __attribute__((packed));

struct port_rule {
    uint64_t access;
    uint64_t port;
};

#define DNS_PORT 53

static void log_refused(const char *which, const char *why)
{
    log_event(LOG_MORE, "sandbox", which, why, NULL);
}

/* All rights of the file system that this version of Landlock knows. */
static uint64_t all_fs_rights(long version)
{
    static const unsigned counts[] = {13, 13, 14, 15, 15, 16}; /* bits, by version from 1 */
    size_t last = sizeof(counts) / sizeof(counts[0]) - 1;

    return (UINT64_C(1) << counts[(size_t)version < last ? (size_t)version : last]) - 1;
}

/* Give rights on an open folder and what is below it. */
static bool allow_open(int ruleset, int folder, uint64_t access)
{
    struct path_rule rule = {.access = access, .parent_fd = folder};

    return syscall(LANDLOCK_ADD, ruleset, RULE_PATH, &rule, 0) == 0;
}

/* Give rights on a path and what is below it; one that is not there needs none. */
static bool allow_path(int ruleset, const char *path, uint64_t access)
{
    struct path_rule rule = {.access = access};
    struct stat status;
    bool allowed;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.access &= FS_READ_FILE | FS_EXECUTE;
    allowed = syscall(LANDLOCK_ADD, ruleset, RULE_PATH, &rule, 0) == 0;
    (void)close(rule.parent_fd);
    return allowed;
}

static bool allow_port(int ruleset, uint16_t port, uint64_t access)
{
    struct port_rule rule = {access, port};

    return syscall(LANDLOCK_ADD, ruleset, RULE_PORT, &rule, 0) == 0;
}

/* Give rights on the folder of a file, in which it stands. */
static bool allow_folder_of(int ruleset, const char *path, uint64_t access)
{
    char folder[FOLDER_SIZE];

    return text_folder(folder, sizeof(folder), path) && allow_path(ruleset, folder, access);
}

/* False if one of the rights could not be given, without which something would not work. */
static bool allow_needs(int ruleset, enum sandbox_role role, const struct sandbox_needs *needs,
                        bool ports)
{
    bool allowed = true;

    /* Not by their folders: a rule stays with what is there now, but others may take its place. */
    if (needs->reads)
        allowed =
            allow_path(ruleset, "/", FS_READ_FILE | FS_READ_DIR | (needs->writes ? FS_WRITES : 0));
    for (size_t i = 0; allowed && needs->removes != NULL && needs->removes[i] != NULL; i++)
        allowed = allow_folder_of(ruleset, needs->removes[i], FS_REMOVE_FILE);
    if (allowed && needs->folder != NULL)
        allowed = allow_open(ruleset, *needs->folder, FS_MAKE_FILE | FS_REMOVE_FILE);
    if (allowed && ports && needs->binds)
        allowed = allow_port(ruleset, 0, NET_BIND); /* whichever is free */
    for (size_t i = 0; allowed && ports && needs->connects && i < needs->port_count; i++)
        allowed = allow_port(ruleset, needs->ports[i], NET_CONNECT);
    if (allowed && ports && role == SANDBOX_LOOKUP)
        allowed = allow_port(ruleset, DNS_PORT, NET_CONNECT); /* long answers come by TCP */
    return allowed;
}

static void enter_landlock(enum sandbox_role role, const struct sandbox_needs *needs)
{
    long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
    struct ruleset rules = {0};
    size_t size = version >= 6 ? sizeof(rules) : version >= 4 ? 16 : 8;
    int ruleset;

    if (version < 1) {
        log_refused("Landlock", "not available: files and ports are not confined");
        return;
    }
    rules.fs = all_fs_rights(version);
    rules.net = NET_BIND;
    rules.scoped = SCOPE_SIGNAL | SCOPE_ABSTRACT_SOCKET;
    if (!needs->connects || needs->port_count > 0)
        rules.net |= NET_CONNECT;
    ruleset = (int)syscall(LANDLOCK_CREATE, &rules, size, 0);
    if (ruleset < 0) {
        log_refused("Landlock", strerror(errno));
        return;
    }
    if (!allow_needs(ruleset, role, needs, version >= 4) ||
        syscall(LANDLOCK_RESTRICT, ruleset, 0) != 0)
        log_refused("Landlock", strerror(errno));
    (void)close(ruleset);
    if (version < 4)
        log_refused("Landlock", "of a version that does not confine ports");
    if (version < 6)
        log_refused("Landlock", "of a version that does not confine signals and abstract sockets");
}

void sandbox_enter(enum sandbox_role role, const struct sandbox_needs *needs)
{
    const char *problem;

#ifdef KITH_UNCONFINED /* for builds whose tools need the file system at the end */
    log_refused("build", "made without confinement");
    return;
#endif
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        log_refused("no_new_privs", strerror(errno));
        return;
    }
    enter_landlock(role, needs);
    problem = sandbox_filter_calls(role, needs);
    if (problem != NULL)
        log_refused("seccomp", problem);
}

#endif
