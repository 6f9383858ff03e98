/*
 * Owns the way of key and peers files between the file system and memory. What is read is judged
 * on the open descriptor, never on a path that may mean another file a moment later. It must
 * never block on what is no file, read without bound, leave a copy of a secret behind, or leave
 * half a file at the place of a whole one.
 */
#define _DEFAULT_SOURCE /* realpath */
#include "keys/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "system/lock.h"
#include "system/signals.h"

#define LOCK_MS 5000 /* for others to be done with the folder */
#define LINKS_MAX 8  /* that lead from one to the next */
#define TEMPORARY_NAME ".kith-XXXXXX"
#define OLD_ENDING ".old"
#define DRAFT_PATH_SIZE (FILE_PATH_SIZE + 64)

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
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
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

static enum kith_error check_kind(struct key_file *file, int fd, bool named,
                                  enum key_file_secrecy secrecy)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return ERR_SYSTEM;
    if (named &&
        (S_ISFIFO(status.st_mode) || (S_ISSOCK(status.st_mode) && !descriptor_listens(fd))))
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

/* Make the folders above path that are missing. folder is room for it. */
static enum kith_error make_folders(const char *path, char *folder)
{
    struct stat status;

    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        if (len == 0)
            continue;
        memcpy(folder, path, len);
        folder[len] = '\0';
        if (stat(folder, &status) == 0)
            continue;
        if (errno != ENOENT || (mkdir(folder, 0700) != 0 && errno != EEXIST))
            return ERR_SYSTEM;
    }
    return OK;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Say who may use the new file. */
static bool set_rights(int fd, const struct new_file *file)
{
    const struct rights *rights = file->rights;

    if (rights == NULL)
        return fchmod(fd, (mode_t)file->mode) == 0;
    return fchown(fd, rights->owner, rights->group) == 0 && rights_give(rights, fd);
}

/* Fill the new file and have it on the disk. The mode is set last: umask has no say in it. */
static enum kith_error fill(int fd, const struct new_file *file)
{
    if (!write_all(fd, file->text, strlen(file->text)) || !set_rights(fd, file) || fsync(fd) != 0)
        return ERR_SYSTEM;
    return OK;
}

/*
 * Give the temporary file its name. link fails on any file of that name, a symbolic link to
 * nowhere too; rename would put the key in the place of a folder's, device's or pipe's name.
 */
static enum kith_error put_in_place(const char *temporary, const char *path, bool replace)
{
    struct stat status;

    if (!replace) {
        if (link(temporary, path) != 0)
            return errno == EEXIST ? ERR_FILE_EXISTS : ERR_SYSTEM;
        (void)unlink(temporary);
        return OK;
    }
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return ERR_FILE_KIND;
    return rename(temporary, path) == 0 ? OK : ERR_SYSTEM;
}

/* Have the name itself on the disk, where the folder may be opened and its kind can do that. */
static enum kith_error flush_folder(const char *folder)
{
    enum kith_error error = OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == EACCES ? OK : ERR_SYSTEM;
    if (fsync(fd) != 0 && errno != EINVAL)
        error = ERR_SYSTEM;
    (void)close(fd);
    return error;
}

/* One of the files that are written together. */
struct draft {
    const struct new_file *file;
    char folder[DRAFT_PATH_SIZE];
    char temporary[DRAFT_PATH_SIZE]; /* where it is until it is put in its place */
    char old[DRAFT_PATH_SIZE];       /* and what was there, until all are */
    bool made, placed, kept;
};

/* Have its folder, and the names of what it is until it is in its place. */
static enum kith_error find_place(struct draft *draft)
{
    const char *path = draft->file->path;
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    enum kith_error error;

    if (path[folder_len] == '\0')
        return ERR_FILE_KIND;
    if (strlen(path) >= FILE_PATH_SIZE + sizeof(".pub")) {
        errno = ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    error = make_folders(path, draft->folder);
    if (error != OK)
        return error;
    (void)snprintf(draft->folder, sizeof(draft->folder), "%.*s", (int)folder_len, path);
    (void)snprintf(draft->temporary, sizeof(draft->temporary), "%.*s%s", (int)folder_len, path,
                   TEMPORARY_NAME);
    return OK;
}

/* Write it, flushed, to a file beside its place. */
static enum kith_error prepare(struct draft *draft)
{
    int fd = mkstemp(draft->temporary);
    enum kith_error error;

    if (fd < 0)
        return ERR_SYSTEM;
    draft->made = true;
    error = fill(fd, draft->file);
    (void)close(fd);
    return error;
}

/* Keep what is at its place under another name, so that it can be put there again. */
static void keep_old(struct draft *draft)
{
    (void)snprintf(draft->old, sizeof(draft->old), "%.*s%s", (int)strlen(draft->temporary),
                   draft->temporary, OLD_ENDING);
    draft->kept = link(draft->file->path, draft->old) == 0 ||
                  (errno != ENOENT && rename(draft->file->path, draft->old) == 0);
}

static enum kith_error place(struct draft *draft, bool replace)
{
    struct stat status;
    enum kith_error error;

    if (replace && lstat(draft->file->path, &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)))
        keep_old(draft);
    error = put_in_place(draft->temporary, draft->file->path, replace);
    if (error != OK)
        return error;
    draft->made = false;
    draft->placed = true;
    return flush_folder(draft->folder[0] != '\0' ? draft->folder : ".");
}

/* All is in its place, or nothing is to be: errno stays. */
static void settle(struct draft *draft, bool whole)
{
    int saved_errno = errno;

    if (draft->made)
        (void)unlink(draft->temporary);
    if (!whole && draft->kept)
        (void)rename(draft->old, draft->file->path);
    else if (!whole && draft->placed)
        (void)unlink(draft->file->path);
    if (draft->kept) /* also where both were one file, for which rename does nothing */
        (void)unlink(draft->old);
    errno = saved_errno;
}

/* All of them, or none; whatever it is, nothing is left beside them. */
static enum kith_error write_drafts(struct draft *drafts, size_t count, bool replace,
                                    size_t *failed)
{
    enum kith_error error = OK;

    for (size_t i = 0; error == OK && i < count; i++) {
        error = prepare(&drafts[i]);
        *failed = i;
    }
    for (size_t i = 0; error == OK && i < count; i++) {
        error = place(&drafts[i], replace);
        *failed = i;
    }
    for (size_t i = count; i-- > 0;)
        settle(&drafts[i], error == OK);
    return error;
}

/*
 * The same; of two that write the same files at once, each would have some of its own there in the
 * end, so several have their folder locked. Not one, which takes its place at once: whoever may
 * read the folder could have that lock for good.
 */
static enum kith_error write_locked(struct draft *drafts, size_t count, bool replace,
                                    size_t *failed)
{
    enum kith_error error = OK;
    sigset_t before;
    int lock = -1;

    for (size_t i = 0; error == OK && i < count; i++) {
        error = find_place(&drafts[i]);
        *failed = i;
    }
    if (error != OK)
        return error;
    *failed = 0;
    if (count > 1 && !lock_folder(drafts[0].file->path, clock_deadline_ms(LOCK_MS), &lock))
        return ERR_FOLDER_LOCKED;
    signals_hold(&before); /* who is ended by one would leave a key in a file of another name */
    error = write_drafts(drafts, count, replace, failed);
    signals_let_go(&before);
    descriptor_close(&lock);
    return error;
}

enum kith_error key_file_write(const struct new_file *files, size_t count, bool replace,
                               size_t *failed)
{
    struct draft *drafts = calloc(count, sizeof(*drafts));
    enum kith_error error;

    *failed = 0;
    if (drafts == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        drafts[i].file = &files[i];
    error = write_locked(drafts, count, replace, failed);
    free(drafts);
    return error;
}
