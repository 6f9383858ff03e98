/*
 * What is in a folder, for tests of what is written there.
 */
#ifndef KITH_TEST_FOLDER_H
#define KITH_TEST_FOLDER_H

#include <dirent.h>
#include <stddef.h>
#include <sys/stat.h>

/* The permissions of what is at a path; 0 for nothing. */
static inline unsigned mode_of(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 ? (unsigned)status.st_mode & 07777 : 0;
}

/* How many names are in a folder, . and .. left out. */
static inline int names_in(const char *path)
{
    int count = -2;
    DIR *dir = opendir(path);

    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

#endif
