/*
 * Owns the folder of FILE, and the name that FILE has until it is whole. Must never put a part in
 * the place of FILE, nor anything in the place of what it was not told to replace; nor call it done
 * before that would outlive a loss of power.
 */
#define _GNU_SOURCE /* O_TMPFILE, renameat2 */
#include "helpers/filer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "system/rights.h"
#include "system/sandbox.h"

#define FILE_NAME_SIZE 4096
#define OPEN_TO_ALL 0666 /* but for what the umask, or the folder's own rule, takes away */
#define OPEN_TO_US 0600  /* until it has the rights of the one that it replaces */
#define MODE_BITS 0777
#define TEMPORARY ".kith-"
#define RANDOM_SIZE ((size_t)8)
#define TEMPORARY_SIZE (sizeof(TEMPORARY) + 2 * RANDOM_SIZE)

/* How it went. */
struct answer {
    int32_t error;
    int32_t number;   /* errno, of ERR_OUTLET */
    int32_t is_there; /* whether it has its name for good, maybe not made sure */
};

/* What the filer has. */
struct place {
    int folder;
    int file;
    const char *name; /* in the folder */
    bool replace;
    bool is_named; /* the file has its temporary name */
    char temporary[TEMPORARY_SIZE];
};

/* The file by its descriptor, for a file without a name. */
static void path_of_open(char out[static 32], int file)
{
    (void)snprintf(out, 32, "/proc/self/fd/%d", file);
}

/* Whether that way is there: without it a file without a name could never be given one. */
static bool can_be_named(int file)
{
    struct stat by_path, itself;
    char path[32];

    path_of_open(path, file);
    return stat(path, &by_path) == 0 && fstat(file, &itself) == 0 &&
           by_path.st_dev == itself.st_dev && by_path.st_ino == itself.st_ino;
}

/* A file that the system removes by itself whenever we end; false where it has none of those. */
static bool open_unnamed(struct place *place, mode_t mode)
{
#ifdef O_TMPFILE
    place->file = openat(place->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    if (place->file >= 0 && !can_be_named(place->file))
        descriptor_close(&place->file);
#endif
    return place->file >= 0;
}

/* Make the file. False with errno. */
static bool open_file(struct place *place, mode_t mode)
{
    if (open_unnamed(place, mode))
        return true;
    place->file = openat(place->folder, place->temporary,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    place->is_named = place->file >= 0;
    return place->is_named;
}

/* Whether the system keeps it from being replaced: another user's, in a folder like /tmp. */
static bool is_kept(const struct place *place, const struct stat *there)
{
    struct stat folder;
    uid_t us = geteuid();

    if (fstat(place->folder, &folder) != 0 || (folder.st_mode & S_ISVTX) == 0)
        return false;
    return us != 0 && us != folder.st_uid && us != there->st_uid;
}

/* Whether what is in that place, if anything, may give way; it is also whose rights are kept then.
 */
static enum kith_error look(const struct place *place, struct stat *there)
{
    *there = (struct stat){.st_mode = 0};
    if (place->name[0] == '\0')
        return fstat(place->folder, there) == 0 ? ERR_OUTPUT_KIND : ERR_OUTLET;
    if (fstatat(place->folder, place->name, there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? OK : ERR_OUTLET;
    if (!S_ISREG(there->st_mode))
        return ERR_OUTPUT_KIND;
    if (!place->replace)
        return ERR_OUTPUT_EXISTS;
    errno = EPERM;
    return is_kept(place, there) ? ERR_OUTLET : OK;
}

/* Give the file a name in the folder that nothing has. False with errno. */
static bool give_name(const struct place *place, const char *name)
{
    char path[32];

    path_of_open(path, place->file);
    if (!place->is_named)
        return linkat(AT_FDCWD, path, place->folder, name, AT_SYMLINK_FOLLOW) == 0;
    if (linkat(place->folder, place->temporary, place->folder, name, 0) == 0)
        return true;
#ifdef RENAME_NOREPLACE /* on file systems that have no second names */
    if (errno != EEXIST)
        return renameat2(place->folder, place->temporary, place->folder, name, RENAME_NOREPLACE) ==
               0;
#endif
    return false;
}

static void remove_temporary(struct place *place)
{
    int saved = errno;

    if (place->is_named)
        (void)unlinkat(place->folder, place->temporary, 0);
    place->is_named = false;
    errno = saved;
}

/* Take over the rights of what it replaces, if anything, which is in the folder that we are in. */
static bool take_rights(const struct place *place, const struct stat *there)
{
    struct rights rights;

    if (there->st_mode == 0)
        return true;
    rights_look(&rights, place->name, there);
    rights.mode &= MODE_BITS;
    return rights_give(&rights, place->file) && fsync(place->file) == 0;
}

/*
 * In the place of what is there: a file without a name needs one first. It is looked at again,
 * since all may have changed while the file came. ERR_OUTLET leaves errno.
 */
static enum kith_error replace(struct place *place)
{
    struct stat there;
    enum kith_error error = look(place, &there);

    if (error == OK &&
        (!take_rights(place, &there) || (!place->is_named && !give_name(place, place->temporary))))
        error = ERR_OUTLET;
    if (error != OK)
        return error;
    place->is_named = true;
    error = look(place, &there);
    if (error == OK && renameat(place->folder, place->temporary, place->folder, place->name) != 0)
        error = ERR_OUTLET;
    if (error == OK)
        place->is_named = false;
    return error;
}

/* In a place that nothing has. ERR_OUTLET leaves errno. */
static enum kith_error add_file(const struct place *place)
{
    if (give_name(place, place->name))
        return OK;
    return errno == EEXIST ? ERR_OUTPUT_EXISTS : ERR_OUTLET;
}

/* Whether who has asked is still there to be answered. */
static bool is_awaited(int line)
{
    return descriptor_look(line, POLLIN) == 0;
}

/*
 * Its name on the disk, too, while somebody waits for the word about that; one that has replaced
 * another stays in any case. ERR_OUTLET leaves errno.
 */
static enum kith_error make_sure(const struct place *place, int line)
{
    if (!descriptor_flush_folder(place->folder))
        return ERR_OUTLET;
    errno = ECANCELED;
    return place->replace || is_awaited(line) ? OK : ERR_OUTLET;
}

/*
 * Put it in its place, its content on the disk before its name. If that cannot be, it is not there,
 * unless it has replaced another and only that was not to be made sure: *is_there tells. ERR_OUTLET
 * leaves errno.
 */
static enum kith_error put_file(struct place *place, int line, int32_t *is_there)
{
    enum kith_error error;
    int saved;

    if (fsync(place->file) != 0)
        return ERR_OUTLET;
    errno = ECANCELED;
    if (!is_awaited(line))
        return ERR_OUTLET;
    error = place->replace ? replace(place) : add_file(place);
    if (error != OK)
        return error;
    remove_temporary(place);
    error = make_sure(place, line);
    saved = errno;
    *is_there = error == OK || place->replace;
    if (!*is_there)
        (void)unlinkat(place->folder, place->name, 0);
    errno = saved;
    return error;
}

/* In the forked process: until it is told that all is there, or that nobody will tell. */
static void live(int line, const void *context)
{
    struct place place = *(const struct place *)context;
    const int keep[] = {line, place.folder, place.file};
    const struct sandbox_needs needs = {.folder = &place.folder, .file = &place.file};
    struct answer answer = {ERR_OUTLET, ECANCELED, false};
    bool is_there;
    char word;
    ssize_t n;

    helper_strip(keep, sizeof(keep) / sizeof(keep[0]), false);
    is_there = fchdir(place.folder) == 0;
    if (!is_there)
        answer.number = errno;
    sandbox_enter(SANDBOX_FILER, &needs);
    while ((n = recv(line, &word, 1, 0)) < 0 && errno == EINTR)
        continue;
    if (n == 1 && is_there) {
        answer.error = (int32_t)put_file(&place, line, &answer.is_there);
        answer.number = errno;
    }
    remove_temporary(&place);
    (void)send(line, &answer, sizeof(answer), MSG_DONTWAIT);
}

/* Cut the path at its last slash. False with errno if it cannot be a file's. */
static bool open_folder(struct place *place, const char *path)
{
    char folder[FILE_NAME_SIZE];

    place->name = path + text_folder_len(path);
    if (!text_folder(folder, sizeof(folder), path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    place->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return place->folder >= 0;
}

/* Have the folder, the file, and the process. What is not OK leaves errno. */
static enum kith_error start(struct filer *filer, struct place *place, const char *path,
                             struct stat *there)
{
    uint8_t random[RANDOM_SIZE];
    char hex[2 * RANDOM_SIZE + 1];
    enum kith_error error = crypto_random(random, sizeof(random));

    if (error == OK) {
        hex_encode(hex, random, sizeof(random));
        (void)snprintf(place->temporary, TEMPORARY_SIZE, TEMPORARY "%s", hex);
        error = open_folder(place, path) ? look(place, there) : ERR_OUTLET;
    }
    if (error != OK)
        return error;
    if (!open_file(place, there->st_mode != 0 ? OPEN_TO_US : OPEN_TO_ALL))
        return ERR_OUTLET;
    if (helper_start(&filer->helper, live, place))
        return OK;
    return errno == EAGAIN ? ERR_PROCESS : ERR_OUTLET;
}

static enum kith_error log_start(enum kith_error error, const char *what, const char *path,
                                 const struct stat *there)
{
    if (error == ERR_OUTPUT_KIND && S_ISDIR(there->st_mode))
        return log_failure(LOG_ERROR, what, path, error, "a folder", "name a file in it");
    if (error == ERR_OUTLET)
        return log_failure(LOG_ERROR, what, path, error, strerror(errno),
                           errno == ENOENT ? "its folder has to be there: mkdir" : NULL);
    return log_failure(LOG_ERROR, what, path, error, NULL, NULL);
}

enum kith_error filer_start(struct filer *filer, const char *what, const char *path, bool replace)
{
    struct place place = {.folder = -1, .file = -1, .replace = replace};
    struct stat there = {.st_mode = 0};
    enum kith_error error;

    *filer = FILER_NONE;
    error = start(filer, &place, path, &there);
    if (error != OK) {
        error = log_start(error, what, path, &there);
        remove_temporary(&place);
        descriptor_close(&place.file);
    }
    filer->file = place.file;
    descriptor_close(&place.folder);
    return error;
}

enum kith_error filer_result(void *context)
{
    struct filer *filer = context;
    struct answer answer;
    ssize_t n;

    do {
        n = recv(filer->helper.line, &answer, sizeof(answer), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(answer))
        return ERR_FILER;
    filer->placed = answer.is_there;
    errno = answer.number;
    return (enum kith_error)answer.error;
}

void filer_end(struct filer *filer)
{
    helper_stop(&filer->helper);
    *filer = FILER_NONE;
}
