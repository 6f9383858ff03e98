/*
 * Owns the way of key and peers files from memory to the file system. Must never leave half a file
 * at the place of a whole one, nor a part of several that belong together.
 */
#include "keys/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "keys/key_file.h"
#include "system/lock.h"
#include "system/signals.h"

#define TEMPORARY_NAME ".kith-XXXXXX"
#define OLD_ENDING ".old"
#define DRAFT_PATH_SIZE (FILE_PATH_SIZE + 64)

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

/* Have the name itself on the disk, where the folder may be opened. */
static enum kith_error flush_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool flushed;

    if (fd < 0)
        return errno == EACCES ? OK : ERR_SYSTEM;
    flushed = descriptor_flush_folder(fd);
    (void)close(fd);
    return flushed ? OK : ERR_SYSTEM;
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
    size_t folder_len = text_folder_len(path);
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
static enum kith_error write_beside(struct draft *draft)
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
static void settle_files(struct draft *draft, bool whole)
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
        error = write_beside(&drafts[i]);
        *failed = i;
    }
    for (size_t i = 0; error == OK && i < count; i++) {
        error = place(&drafts[i], replace);
        *failed = i;
    }
    for (size_t i = count; i-- > 0;)
        settle_files(&drafts[i], error == OK);
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

enum kith_error new_files_write(const struct new_file *files, size_t count, bool replace,
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
