/*
 * Somebody who runs code of their own in a process of kith, from the moment on at which it has
 * confined itself: tries what an intruder would want, and writes down what was let through.
 *
 * A library for LD_PRELOAD. The Nth process, counted from 0 as they are forked, writes to N in the
 * folder KITH_INTRUDER, a phrase of the manual a line. Of the test are: in that folder a socket
 * "named"; an abstract one, KITH_INTRUDER_NAME; two ports at which nobody listens, of which kith
 * knows KITH_INTRUDER_TARGET, and KITH_INTRUDER_PORT not; and folders "near" and "of-file".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "intruder_calls.h"

/* TCGETS2, whose name needs a struct that does not go with termios.h. */
#define TCGETS_2 _IOC(_IOC_READ, 'T', 0x2a, 44)

static int report = -1;
static int spare = -1;  /* a TCP socket that was made before */
static unsigned forked; /* how often */
static unsigned number; /* of this process */

/* As by seccomp or Landlock. A call that the kernel does not have is refused, too. */
static bool refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS);
}

static void tell(const char *phrase, long result)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "%s\n", phrase);

    if (!refused(result) && write(report, line, (size_t)len) != len)
        _exit(99);
}

static long close_again(long fd)
{
    if (fd >= 0)
        (void)close((int)fd);
    return fd;
}

static long made(int family, int type, int protocol)
{
    return close_again(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static struct sockaddr_in loopback(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static unsigned port_of(const char *name)
{
    return (unsigned)atoi(getenv(name));
}

typedef int use_address(int fd, const struct sockaddr *address, socklen_t size);

/* Connect a socket to an address, or bind it there. */
static long used(use_address *use, const void *address, size_t size)
{
    int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    long result = fd < 0 ? fd : use(fd, address, (socklen_t)size);
    int saved = errno;

    (void)close_again(fd);
    errno = saved;
    return result;
}

static long connected(unsigned port)
{
    struct sockaddr_in to = loopback(port);

    return used(connect, &to, sizeof(to));
}

static long bound(unsigned port)
{
    struct sockaddr_in at = loopback(port);

    return used(bind, &at, sizeof(at));
}

/* To a UNIX socket by a name that begins with a NUL if it is abstract. */
static long connected_locally(const char *name, size_t len)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    memcpy(to.sun_path, name, len);
    return used(connect, &to, offsetof(struct sockaddr_un, sun_path) + len);
}

static void try_unix_sockets(void)
{
    char name[108] = "";
    int pair[2];

    (void)snprintf(name + 1, sizeof(name) - 1, "%s", getenv("KITH_INTRUDER_NAME"));
    tell("connect to an abstract UNIX socket", connected_locally(name, 1 + strlen(name + 1)));
    (void)snprintf(name, sizeof(name), "%s/named", getenv("KITH_INTRUDER"));
    tell("connect to any UNIX socket that has a path", connected_locally(name, strlen(name)));
    tell("connect to any UNIX socket that has a path", made(AF_UNIX, SOCK_DGRAM, 0));
    tell("make a socket of another kind", made(AF_UNIX, SOCK_SEQPACKET, 0));
    tell("make a pair of sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

/* Connect and send in one, which Landlock does not look at. */
static void try_fast_open(void)
{
    struct sockaddr_in to = loopback(port_of("KITH_INTRUDER_PORT"));
    struct iovec piece = {.iov_base = &to, .iov_len = 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    int flags = MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL;

    message.msg_hdr.msg_name = &to;
    message.msg_hdr.msg_namelen = sizeof(to);
    tell("connect by sending", sendto(spare, &to, 1, flags, (struct sockaddr *)&to, sizeof(to)));
    tell("connect by sending", sendmsg(spare, &message.msg_hdr, flags));
    tell("connect by sending", sendmmsg(spare, &message, 1, flags));
}

static void try_kinds(int family)
{
    for (int type = SOCK_RAW; type <= SOCK_PACKET; type++)
        tell("make a socket of another kind", made(family, type, IPPROTO_ICMP));
    for (int protocol = 1; protocol < 300; protocol++) {
        if (protocol != IPPROTO_TCP)
            tell("make a socket of another kind", made(family, SOCK_STREAM, protocol));
        if (protocol != IPPROTO_UDP)
            tell("make a socket of another kind", made(family, SOCK_DGRAM, protocol));
    }
}

static void try_families(void)
{
    for (int family = 0; family < 64; family++) {
        for (int type = SOCK_STREAM; type <= SOCK_PACKET; type++) {
            if (family != AF_INET && family != AF_INET6 && family != AF_UNIX &&
                (family != AF_NETLINK || type != SOCK_RAW))
                tell("make a socket of another kind", made(family, type, 0));
        }
    }
    tell("ask the kernel for addresses and routes", made(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    for (int protocol = 1; protocol < 32; protocol++)
        tell("make a socket of another kind", made(AF_NETLINK, SOCK_RAW, protocol));
}

static void try_network(void)
{
    try_kinds(AF_INET);
    try_kinds(AF_INET6);
    try_families();
    tell("send UDP packets anywhere", made(AF_INET, SOCK_DGRAM, 0));
    tell("send UDP packets anywhere", made(AF_INET6, SOCK_DGRAM, 0));
    if (refused(connected(port_of("KITH_INTRUDER_PORT")))) {
        tell("connect by TCP to the ports of its targets",
             connected(port_of("KITH_INTRUDER_TARGET")));
        tell("connect by TCP to port 53", connected(53));
    } else {
        tell("connect by TCP to any port", 0);
    }
    tell("take an address of this machine", bound(0));
    tell("take a port by its number", bound(port_of("KITH_INTRUDER_PORT")));
    try_fast_open();
    tell("make a socket one of another kind", setsockopt(spare, IPPROTO_TCP, 31, "smc", 3));
}

static long forked_again(unsigned long flags)
{
    long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(0);
    if (child > 0)
        (void)waitpid((pid_t)child, NULL, 0);
    return child;
}

static void *nothing(void *context)
{
    return context;
}

static long threaded(void)
{
    pthread_t thread;
    int problem = pthread_create(&thread, NULL, nothing, NULL);

    if (problem == 0)
        (void)pthread_join(thread, NULL);
    errno = problem;
    return problem == 0 ? 0 : -1;
}

static long executed(void)
{
    static char path[] = "/bin/true/"; /* the slash ends it where it would be let through */
    char *const argv[] = {path, NULL}, *const environment[] = {NULL};

    return execve(path, argv, environment);
}

static void try_processes(void)
{
    static const unsigned long worlds[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                           CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                           CLONE_NEWNET};
    unsigned long clone3_args[11] = {0};

    tell("start a process", forked_again(0));
    tell("start a thread", threaded());
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
        tell("make a namespace", forked_again(worlds[i]));
    tell("start a process in the newer way", syscall(SYS_clone3, clone3_args, 8));
    tell("execute a program", executed());
    tell("signal another process", kill(getppid(), 0));
    tell("signal another process", syscall(SYS_tgkill, getppid(), getppid(), 0));
    tell("signal another process", syscall(SYS_tkill, getppid(), 0));
    tell("signal another process", fcntl(STDERR_FILENO, F_SETOWN, getppid()));
    tell("signal another process", fcntl(STDERR_FILENO, F_SETSIG, SIGKILL));
    tell("signal itself", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
    tell("see or set limits of another process", syscall(SYS_prlimit64, getppid(), 7, NULL, NULL));
    tell("see and set its own limits", syscall(SYS_prlimit64, 0, 7, NULL, NULL));
    tell("be dumpable again", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    tell("set itself otherwise", prctl(PR_SET_NAME, "x", 0, 0, 0));
}

/* A file that is there to be tried on, one for each process. */
static const char *own_path(const char *folder, const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s-%u", folder, name, number);
    return path;
}

/* The mode of whichever that is open, and so known by its number. */
static long changed_one(void)
{
    for (int fd = 0; fd < 64; fd++)
        if (!refused(fchmod(fd, 0600)))
            return 0;
    errno = EPERM;
    return -1;
}

static void try_files(void)
{
    const char *folder = getenv("KITH_INTRUDER");
    struct stat status;
    char other[256];

    (void)snprintf(other, sizeof(other), "%s/other", folder);
    tell("read any file", close_again(open("/etc/passwd", O_RDONLY)));
    tell("read any file", close_again(openat(AT_FDCWD, "/etc/passwd", O_RDONLY)));
    tell("list any folder", close_again(open("/", O_RDONLY | O_DIRECTORY)));
    tell("see that a file is there, its size and times", stat("/etc/passwd", &status));
    tell("write a file", close_again(open(own_path(folder, "file"), O_WRONLY)));
    tell("write a file", close_again(open("/proc/self/mem", O_RDWR)));
    tell("make a file", close_again(open(own_path(folder, "new"), O_WRONLY | O_CREAT, 0600)));
    tell("make a file", close_again(open(folder, O_WRONLY | O_TMPFILE, 0600)));
    tell("make a folder", mkdir(own_path(folder, "new"), 0700));
    tell("name any file", linkat(AT_FDCWD, own_path(folder, "file"), AT_FDCWD, other, 0));
    tell("remove any file", unlink(own_path(folder, "file")));
    tell("remove any file", unlinkat(AT_FDCWD, own_path(folder, "file"), 0));
    tell("remove a file in the folder of its socket", unlink(own_path("near", "file")));
    tell("name and remove files in the folder of FILE",
         unlinkat(AT_FDCWD, own_path("of-file", "file"), 0));
    tell("remove a folder", rmdir(own_path(folder, "folder")));
    if (refused(fchmod(-1, 0600)))
        tell("say who may use the file that arrives", changed_one());
}

static void try_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *executable;

    tell("have memory", page == MAP_FAILED ? -1 : 0);
    executable = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell("make memory executable", executable == MAP_FAILED ? -1 : 0);
    tell("make memory executable", mprotect(page, 4096, PROT_READ | PROT_EXEC));
    tell("make memory executable", syscall(SYS_pkey_mprotect, page, 4096, PROT_EXEC, -1));
}

/* Every libc is to have its way: glibc 2.43 came with another one. */
static void ask_terminal(void)
{
    static const unsigned long ways[] = {TCGETS, TCGETS_2, TIOCGWINSZ};
    size_t count = sizeof(ways) / sizeof(ways[0]), closed = 0;
    char answer[64];

    for (size_t i = 0; i < count; i++)
        closed += refused(ioctl(STDIN_FILENO, ways[i], answer)) ? 1 : 0;
    if (closed == 0)
        tell("ask a terminal for its settings and size", 0);
    else if (closed < count)
        tell("ask a terminal in some ways, and not in others", 0);
}

static void try_terminal(void)
{
    struct termios settings;
    char answer[64] = "x";

    ask_terminal();
    memset(&settings, 0, sizeof(settings));
    tell("type into a terminal", ioctl(STDIN_FILENO, TIOCSTI, answer));
    tell("set a terminal", ioctl(STDIN_FILENO, TCSETS, &settings));
    tell("set a terminal", ioctl(STDIN_FILENO, TIOCSCTTY, 1));
    tell("set a terminal", ioctl(STDIN_FILENO, TIOCLINUX, answer));
    tell("see how much waits in what is open", ioctl(STDIN_FILENO, FIONREAD, answer));
    tell("find an interface by its name", ioctl(STDIN_FILENO, 0x8933, answer)); /* SIOCGIFINDEX */
    tell("do something else to a device", ioctl(STDIN_FILENO, FIOASYNC, answer));
    tell("do something else to a device", ioctl(STDIN_FILENO, 0x1234, answer));
}

static void try_all(void)
{
    for (size_t i = 0; i < sizeof(intruder_calls) / sizeof(intruder_calls[0]); i++) {
        const struct intruder_call *call = &intruder_calls[i];

        tell(call->phrase, syscall(call->number, -1L, -1L, -1L, -1L, -1L, -1L));
    }
    try_files();
    try_memory();
    try_terminal();
    try_network();
    try_unix_sockets();
    try_processes();
#ifdef __x86_64__
    tell("make calls of another table", syscall(0x40000000 | SYS_getpid)); /* x32 */
#endif
}

static void count_fork(void)
{
    forked++;
}

static void take_number(void)
{
    number = forked;
}

static __attribute__((constructor)) void begin(void)
{
    (void)pthread_atfork(count_fork, NULL, take_number);
}

/* The first thing that a process does to confine itself: now a file can be opened still. */
static void prepare(void)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%u", getenv("KITH_INTRUDER"), number);
    report = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)close_again(creat(own_path(getenv("KITH_INTRUDER"), "file"), 0600));
    (void)close_again(creat(own_path("near", "file"), 0600));
    (void)close_again(creat(own_path("of-file", "file"), 0600));
    (void)mkdir(own_path(getenv("KITH_INTRUDER"), "folder"), 0700);
    spare = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int prctl(int operation, ...)
{
    unsigned long arguments[4];
    va_list list;
    long result;

    va_start(list, operation);
    for (size_t i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    if (operation == PR_SET_NO_NEW_PRIVS)
        prepare();
    result = syscall(SYS_prctl, operation, arguments[0], arguments[1], arguments[2], arguments[3]);
    if (operation == PR_SET_SECCOMP && result == 0) {
        try_all();
        (void)write(report, "that was all\n", 13);
        (void)close(report);
        (void)close(spare);
    }
    return (int)result;
}
