/*
 * Owns the way of key and peers files from the file system to memory. What is read is judged on the
 * open descriptor, never on a path that may mean another file a moment later. It must never block
 * on what is no file, read without bound, or leave a copy of a secret behind.
 */
#define _DEFAULT_SOURCE /* realpath */
#include "keys/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/text.h"
#include "crypto/crypto.h"

#define LINKS_MAX 8 /* that lead from one to the next */

/* The number of a descriptor; -1 if it is none. */
static int number_of(const char *digits)
{
    if (strlen(digits) > 6 || !text_is_number(digits))
        return -1;
    return (int)strtol(digits, NULL, 10);
}

int key_file_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0)
        return STDIN_FILENO;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t len = strlen(folders[i]);

        if (strncmp(path, folders[i], len) == 0)
            return number_of(path + len);
    }
    return -1;
}

/* Whether a folder is that of our own descriptors. */
static bool is_folder_of_descriptors(const char *folder)
{
    static const char *const folders[] = {"/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"};
    char real[FILE_PATH_SIZE], known[FILE_PATH_SIZE];

    if (realpath(folder, real) == NULL)
        return false;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (realpath(folders[i], known) != NULL && strcmp(real, known) == 0)
            return true;
    }
    return false;
}

/* Go where a link at path leads, one step. False if it is none. */
static bool follow_link(char path[static FILE_PATH_SIZE])
{
    char target[FILE_PATH_SIZE];
    size_t folder_len = text_folder_len(path);
    ssize_t len = readlink(path, target, sizeof(target) - 1);

    if (len <= 0)
        return false;
    target[len] = '\0';
    if (target[0] == '/')
        folder_len = 0;
    if (folder_len + (size_t)len >= FILE_PATH_SIZE)
        return false;
    memcpy(path + folder_len, target, (size_t)len + 1);
    return true;
}

int key_file_find_descriptor(const char *path)
{
    char at[FILE_PATH_SIZE];
    int fd = key_file_descriptor(path);

    if (fd >= 0 || strlen(path) >= sizeof(at))
        return fd;
    memcpy(at, path, strlen(path) + 1);
    for (int links = 0; links < LINKS_MAX; links++) {
        char *slash = strrchr(at, '/');

        if (slash != NULL) {
            *slash = '\0';
            fd = is_folder_of_descriptors(at) ? number_of(slash + 1) : -1;
            *slash = '/';
        }
        if (fd < 0)
            fd = key_file_descriptor(at);
        if (fd >= 0 || !follow_link(at))
            return fd;
    }
    return -1;
}

bool key_file_is_same_descriptor(const char *a, const char *b)
{
    int fd = key_file_find_descriptor(a);

    return fd >= 0 && fd == key_file_find_descriptor(b);
}

/* systemd gives their files modes of its own. */
bool key_file_is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    return folder != NULL && folder[0] != '\0' && strncmp(path, folder, strlen(folder)) == 0;
}

/*
 * Open for reading without ever waiting for anybody. A named descriptor is duplicated: opening it
 * by its path would be another thing on each system, and impossible for a socket.
 */
static enum kith_error open_source(int *fd, const char *path, int named)
{
    if (named >= 0)
        *fd = fcntl(named, F_DUPFD_CLOEXEC, 0);
    else
        *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd >= 0)
        return OK;
    if (errno == ENOENT || errno == ENOTDIR || (named >= 0 && errno == EBADF))
        return ERR_FILE_MISSING;
    if (errno == ENXIO || errno == EOPNOTSUPP) /* a UNIX socket, or a device without a driver */
        return ERR_FILE_KIND;
    if (descriptor_is_lacking(errno) || errno == ENOMEM)
        return ERR_SYSTEM;
    return ERR_FILE_UNREADABLE;
}

/*
 * A pipe has no protection worth a check: its mode is whatever the shell made of it, and whoever
 * could open it has long had the chance.
 */
static enum kith_error check_protection(struct key_file *file, const struct stat *status)
{
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return ERR_FILE_OWNER;
    if ((status->st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return ERR_FILE_EXPOSED;
    file->group_readable = (status->st_mode & S_IRGRP) != 0;
    return OK;
}

/* What is no secret may be typed. */
static bool is_of_bytes(const struct stat *status, int fd, enum key_file_secrecy secrecy)
{
    return S_ISFIFO(status->st_mode) || (S_ISSOCK(status->st_mode) && !descriptor_listens(fd)) ||
           (S_ISCHR(status->st_mode) && secrecy != KEY_FILE_SECRET);
}

static enum kith_error check_kind(struct key_file *file, int fd, bool named,
                                  enum key_file_secrecy secrecy)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return ERR_SYSTEM;
    if (named && is_of_bytes(&status, fd, secrecy))
        return OK;
    if (S_ISDIR(status.st_mode))
        return ERR_FILE_FOLDER;
    if (!S_ISREG(status.st_mode))
        return ERR_FILE_KIND;
    if (secrecy == KEY_FILE_TRUSTED)
        file->writers = ((status.st_mode & S_IWGRP) != 0 ? KEY_FILE_BY_GROUP : 0) |
                        (status.st_uid != geteuid() && status.st_uid != 0 ? KEY_FILE_BY_OWNER : 0);
    if (secrecy == KEY_FILE_TRUSTED && (status.st_mode & S_IWOTH) != 0)
        return ERR_FILE_WRITABLE;
    return secrecy == KEY_FILE_SECRET ? check_protection(file, &status) : OK;
}

/*
 * Read to the end. Waiting in poll serves pipes of either mode: a slow writer is waited for, also
 * when somebody has made the pipe non-blocking.
 */
static enum kith_error read_all(struct key_file *file, int fd, size_t max)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    for (;;) {
        ssize_t n = -1;
        if (poll(&ready, 1, -1) >= 0)
            n = read(fd, file->text + file->len, max + 1 - file->len);
        if (n < 0 && (errno == EINTR || descriptor_would_wait(errno)))
            continue;
        if (n < 0)
            return ERR_FILE_UNREADABLE;
        if (n == 0)
            break;
        file->len += (size_t)n;
        if (file->len > max)
            return ERR_FILE_TOO_LARGE;
    }
    file->text[file->len] = '\0';
    return file->len > 0 ? OK : ERR_FILE_EMPTY;
}

enum kith_error key_file_read(struct key_file *file, const char *path, size_t max,
                              enum key_file_secrecy secrecy)
{
    int named = key_file_descriptor(path);
    int fd = -1;
    int saved_errno = 0;
    enum kith_error error = OK;

    *file = (struct key_file){0};
    error = open_source(&fd, path, named);
    if (error != OK)
        goto out;
    error = check_kind(file, fd, named >= 0, secrecy);
    if (error != OK)
        goto out;
    file->text = malloc(max + 2); /* the byte that is too many, and a NUL */
    if (file->text == NULL) {
        error = ERR_MEMORY;
        goto out;
    }
    error = read_all(file, fd, max);

out:
    saved_errno = errno;
    if (fd >= 0)
        (void)close(fd);
    if (error != OK)
        key_file_wipe(file);
    errno = saved_errno;
    return error;
}

void key_file_wipe(struct key_file *file)
{
    if (file->text != NULL)
        crypto_wipe(file->text, file->len);
    free(file->text);
    *file = (struct key_file){0};
}
