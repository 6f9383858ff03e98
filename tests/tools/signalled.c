/*
 * A process that is sent SIGTERM whenever it is about to have a file on the disk, or to give it a
 * name or take that away.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define USUAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
    (void)raise(SIGTERM);
    return USUAL(fsync)(fd);
}

int link(const char *from, const char *to)
{
    (void)raise(SIGTERM);
    return USUAL(link)(from, to);
}

int rename(const char *from, const char *to)
{
    (void)raise(SIGTERM);
    return USUAL(rename)(from, to);
}

int unlink(const char *path)
{
    (void)raise(SIGTERM);
    return USUAL(unlink)(path);
}
