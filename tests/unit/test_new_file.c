/*
 * new_files_write: a new file whole or not at all, never over another unless told, never through a
 * symbolic link, and nothing left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "keys/key_file.h"
#include "keys/new_file.h"
#include "tap.h"

static bool holds(const char *path, const char *text)
{
    struct key_file file;
    bool same =
        key_file_read(&file, path, 1000, KEY_FILE_PUBLIC) == OK && strcmp(file.text, text) == 0;

    key_file_wipe(&file);
    return same;
}

static enum kith_error write_one(const char *path, const char *text, unsigned mode, bool replace)
{
    const struct new_file file = {path, text, mode, NULL};
    size_t failed;

    return new_files_write(&file, 1, replace, &failed);
}

static void expect(enum kith_error wanted, const char *path, const char *text, bool replace,
                   const char *what)
{
    enum kith_error error = write_one(path, text, 0600, replace);

    CHECK(error == wanted, "%s: %s", what, error_text(error));
}

static void test_new(void)
{
    mode_t mask = umask(0777);

    expect(OK, "private", "one", false, "a new file");
    CHECK(write_one("public", "two", 0644, false) == OK, "another mode");
    umask(mask);
    CHECK(holds("private", "one") && mode_of("private") == 0600, "0600 whatever the umask");
    CHECK(holds("public", "two") && mode_of("public") == 0644, "0644 whatever the umask");
    umask(0);
    expect(OK, "open", "three", false, "an open umask");
    umask(mask);
    CHECK(mode_of("open") == 0600, "0600 with an open umask");
    CHECK(names_in(".") == 3, "nothing else is there");
}

static void test_existing(void)
{
    expect(ERR_FILE_EXISTS, "private", "changed", false, "an existing file");
    CHECK(holds("private", "one"), "it is as it was");
    expect(OK, "private", "changed", true, "an existing file, to be replaced");
    CHECK(holds("private", "changed"), "it is replaced");
    expect(OK, "fresh", "x", true, "no file, to be replaced");
    CHECK(holds("fresh", "x") && mode_of("fresh") == 0600, "it is there");
    CHECK(names_in(".") == 4, "nothing else is there");
}

static void test_links(void)
{
    CHECK(symlink("absent", "dangling") == 0 && symlink("private", "link") == 0, "made links");
    expect(ERR_FILE_EXISTS, "dangling", "x", false, "a link to nowhere");
    CHECK(access("absent", F_OK) != 0, "nothing was made through it");
    expect(ERR_FILE_EXISTS, "link", "x", false, "a link to a file");
    expect(OK, "link", "replaced", true, "a link to a file, to be replaced");
    CHECK(holds("private", "changed"), "what it led to is as it was");
    CHECK(holds("link", "replaced") && mode_of("link") == 0600, "it is a file now");
    CHECK(names_in(".") == 6, "nothing else is there");
}

static void test_other_kinds(void)
{
    CHECK(mkdir("folder", 0700) == 0 && mkfifo("fifo", 0600) == 0, "made a folder and a FIFO");
    expect(ERR_FILE_EXISTS, "folder", "x", false, "a folder");
    expect(ERR_FILE_KIND, "folder", "x", true, "a folder, to be replaced");
    expect(ERR_FILE_KIND, "fifo", "x", true, "a FIFO, to be replaced");
    expect(ERR_FILE_KIND, "folder/", "x", false, "a path without a name");
    expect(ERR_FILE_KIND, "", "x", false, "no path");
    CHECK(names_in(".") == 8 && names_in("folder") == 0, "nothing else is there");
}

static void test_folders(void)
{
    char cwd[256];
    char path[300];

    expect(OK, "a/b//c/key", "deep", false, "folders that are missing");
    CHECK(holds("a/b/c/key", "deep"), "it is there");
    CHECK(mode_of("a") == 0700 && mode_of("a/b/c") == 0700, "the folders are ours alone");
    expect(OK, "a/other", "x", false, "a folder that is there");
    errno = 0;
    expect(ERR_SYSTEM, "private/key", "x", false, "a file as a folder");
    CHECK(errno == ENOTDIR, "errno says so");
    CHECK(getcwd(cwd, sizeof cwd) != NULL, "where we are");
    snprintf(path, sizeof path, "%s/a/absolute", cwd);
    expect(OK, path, "absolute", false, "an absolute path");
    CHECK(holds("a/absolute", "absolute"), "it is there");
    CHECK(names_in("a") == 3, "nothing else is there");
}

/* Failures before, in and behind the writing. A limit on files' sizes stands in for a full disk. */
static void test_failure(void)
{
    const struct rlimit none = {0, RLIM_INFINITY};
    struct rlimit usual;
    char name[300];
    enum kith_error error = OK;
    int saved_errno = 0;
    bool limited;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    errno = 0;
    CHECK(mkdir("empty", 0700) == 0 && chdir("empty") == 0, "an empty folder");
    expect(ERR_SYSTEM, name, "x", false, "a name that is too long");
    CHECK(errno == ENAMETOOLONG, "errno says so");
    expect(ERR_SYSTEM, name, "x", true, "a name that is too long, to be replaced");
    signal(SIGXFSZ, SIG_IGN);
    /* Nothing is printed meanwhile: stdout may be a file, which has the limit as well. */
    limited = getrlimit(RLIMIT_FSIZE, &usual) == 0 && setrlimit(RLIMIT_FSIZE, &none) == 0;
    error = write_one("full", "x", 0600, false);
    saved_errno = errno;
    setrlimit(RLIMIT_FSIZE, &usual);
    CHECK(limited, "a limit");
    CHECK(error == ERR_SYSTEM && saved_errno == EFBIG, "a file that cannot be written in full");
    CHECK(names_in(".") == 0, "nothing is left behind");
    CHECK(chdir("..") == 0, "back");
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    char folder[128];
    static const char *const files[] = {"private",  "public",     "open", "fresh",
                                        "dangling", "link",       "fifo", "a/b/c/key",
                                        "a/other",  "a/absolute", NULL};
    static const char *const folders[] = {"a/b/c", "a/b", "a", "folder", "empty", NULL};

    snprintf(folder, sizeof folder, "%.90s/kith-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        printf("Bail out! no folder: %s\n", strerror(errno));
        return 1;
    }
    test_new();
    test_existing();
    test_links();
    test_other_kinds();
    test_folders();
    test_failure();
    for (size_t i = 0; files[i] != NULL; i++)
        unlink(files[i]);
    for (size_t i = 0; folders[i] != NULL; i++)
        rmdir(folders[i]);
    CHECK(rmdir(folder) == 0, "all is accounted for");
    return tap_done();
}
