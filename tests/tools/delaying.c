/*
 * Calls that take their time, as a slow disk makes them: execvp, which leaves files that say where
 * it is; fstat, which never comes back once there is a file "hang"; and write to stderr, which does
 * not while there is a file "hang-write".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void mark(const char *name)
{
    (void)close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

int execvp(const char *file, char *const argv[])
{
    __typeof__(&execvp) usual = (__typeof__(&execvp))dlsym(RTLD_NEXT, "execvp");

    mark("starting");
    (void)sleep(BEFORE);
    mark("started");
    return usual(file, argv);
}

int fstat(int fd, struct stat *status)
{
    __typeof__(&fstat) usual = (__typeof__(&fstat))dlsym(RTLD_NEXT, "fstat");

    while (access("hang", F_OK) == 0) {
        mark("hangs");
        (void)sleep(1000);
    }
    return usual(fd, status);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    __typeof__(&write) usual = (__typeof__(&write))dlsym(RTLD_NEXT, "write");
    struct stat status;

    /* By what a confined process may do: look, and say so where it writes. */
    while (fd == STDERR_FILENO && stat("hang-write", &status) == 0) {
        (void)usual(fd, "it hangs\n", 9);
        (void)sleep(1000);
    }
    return usual(fd, bytes, len);
}
