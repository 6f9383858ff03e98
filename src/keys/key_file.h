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
 * stdin, /dev/fd/N and /proc/self/fd/N a descriptor; there a pipe, a socket or, for what is no
 * secret, a device is fine, and is read to its end; elsewhere only a regular file is
 * (ERR_FILE_FOLDER, ERR_FILE_KIND; opening never blocks). A secret regular file that others can
 * read or write is ERR_FILE_EXPOSED, one of another user but root ERR_FILE_OWNER; a trusted one
 * that others can write ERR_FILE_WRITABLE. ERR_FILE_MISSING, ERR_FILE_EMPTY, ERR_MEMORY are what
 * they say; with errno, ERR_FILE_UNREADABLE is the file's fault, ERR_SYSTEM that of limits. On
 * error *file is left empty.
 */
must_check enum kith_error key_file_read(struct key_file *file, const char *path, size_t max,
                                         enum key_file_secrecy secrecy);

/* Overwrite and free; fine on an empty one, and twice. */
void key_file_wipe(struct key_file *file);

#endif
