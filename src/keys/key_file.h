/*
 * Reading a file of keys: bounded, never blocking on what is no file, and with its protection
 * checked on the descriptor that is read. No stdio, so that no copy of a secret stays behind.
 */
#ifndef KITH_KEY_FILE_H
#define KITH_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "system/rights.h"

#define KEY_FILE_MAX 16384  /* bytes in a key file */
#define FILE_PATH_SIZE 4096 /* room for the path of one, and its NUL */

/* Who else can write a file. */
enum { KEY_FILE_BY_GROUP = 1, KEY_FILE_BY_OWNER = 2 };

struct key_file {
    char *text; /* len bytes and a NUL; belongs to this struct */
    size_t len;
    bool group_readable; /* a secret file that the group can read: worth a warning */
    unsigned writers;    /* a trusted file that these can write, too: the same */
};

enum key_file_secrecy {
    KEY_FILE_PUBLIC,
    KEY_FILE_TRUSTED, /* who can write to it decides who may call */
    KEY_FILE_SECRET
};

/* The descriptor that a path names: see below; -1 if it is one in the file system. */
int key_file_descriptor(const char *path);

/*
 * The same for any spelling of such a path (//dev/fd/5, a link to it): the descriptor that would be
 * read there, or -1. Asks the file system.
 */
int key_file_find_descriptor(const char *path);

/* Whether two paths name one descriptor, which can be read only once. */
bool key_file_is_same_descriptor(const char *a, const char *b);

/* Whether it is one of systemd's credentials, in a folder that only the service can enter. */
bool key_file_is_credential(const char *path);

/*
 * Read the file at path, at most max bytes (more is ERR_FILE_TOO_LARGE). "-" and /dev/stdin are
 * stdin, /dev/fd/N and /proc/self/fd/N a descriptor; there a pipe or socket is fine, and is read
 * to its end; elsewhere only a regular file is (ERR_FILE_FOLDER, ERR_FILE_KIND; opening never
 * blocks). A secret regular file that others can read or write is ERR_FILE_EXPOSED, one of another
 * user but root ERR_FILE_OWNER; a trusted one that others can write ERR_FILE_WRITABLE.
 * ERR_FILE_MISSING, ERR_FILE_EMPTY, ERR_MEMORY are what they say; with errno, ERR_FILE_UNREADABLE
 * is the file's fault, ERR_SYSTEM that of limits. On error *file is left empty.
 */
must_check enum kith_error key_file_read(struct key_file *file, const char *path, size_t max,
                                         enum key_file_secrecy secrecy);

/* Overwrite and free; fine on an empty one, and twice. */
void key_file_wipe(struct key_file *file);

/* A file that is to be. */
struct new_file {
    const char *path;
    const char *text;
    unsigned mode;
    const struct rights *rights; /* in the place of the mode, and its owner's; or NULL: ours */
};

/*
 * Write new files with exactly these modes, or rights as far as they can be given, all or none:
 * each into a temporary file beside its place, flushed; then, once all are, they are put in place
 * one after the other, and if one cannot be, what was there before is again. An existing file, or a
 * symbolic link, is ERR_FILE_EXISTS unless replace, which puts the new one in its place; something
 * else of that name is then ERR_FILE_KIND. The folders above them are made (0700) as far as they
 * are missing; that of the first is locked meanwhile where they are several, ERR_FOLDER_LOCKED if
 * another process has its lock for five seconds. ERR_MEMORY; ERR_SYSTEM (errno is set). *failed is
 * the place of the one that could not be. No signal comes while they are written.
 */
must_check enum kith_error key_file_write(const struct new_file *files, size_t count, bool replace,
                                          size_t *failed);

#endif
