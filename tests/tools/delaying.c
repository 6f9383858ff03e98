/*
 * Calls that take their time, as a slow disk makes them: posix_spawnp, which leaves files that say
 * where it is, and fstat, which never comes back once there is a file "hang".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

static void mark(const char *name)
{
    (void)close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    __typeof__(&posix_spawnp) usual = (__typeof__(&posix_spawnp))dlsym(RTLD_NEXT, "posix_spawnp");
    int result;

    mark("starting");
    (void)sleep(BEFORE);
    result = usual(pid, file, actions, attributes, argv, envp);
    (void)sleep(AFTER);
    mark("started");
    return result;
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
