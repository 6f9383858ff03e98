/*
 * Confinement, tested by trying: a process of each role is made, and each thing that it must not
 * do is refused, while what it needs is not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "system/sandbox.h"
#include "system/zone.h"
#include "tap.h"

static char folder[] = "/tmp/kith-sandbox-XXXXXX";
static char kept[64], beside[64];
static char abstract_name[64]; /* of a socket that our parent listens on, the NUL not said */
static uint16_t allowed_port, other_port;
static int spare; /* a TCP socket that was made before */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif
#ifndef AF_SMC
#define AF_SMC 43
#endif

/* Whether an attempt was refused, as by seccomp or Landlock. */
static bool refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES);
}

static long try_open(const char *path, int flags)
{
    long fd = open(path, flags, 0600);

    if (fd >= 0)
        (void)close((int)fd);
    return fd;
}

static long try_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    long result;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return fd;
    result = connect(fd, (struct sockaddr *)&to, sizeof(to));
    (void)close(fd);
    return result;
}

static long try_bind(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd < 0 ? fd : bind(fd, (struct sockaddr *)&at, sizeof(at));
}

static long try_socket(int family, int type, int protocol)
{
    long fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

    if (fd >= 0)
        (void)close((int)fd);
    return fd;
}

/* Connect and send in one, which Landlock does not look at: by each call that has flags. */
static bool fast_open_refused(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(other_port)};
    struct iovec piece = {.iov_base = kept, .iov_len = 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    int flags = MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    message.msg_hdr.msg_name = &to;
    message.msg_hdr.msg_namelen = sizeof(to);
    return refused(sendto(spare, kept, 1, flags, (struct sockaddr *)&to, sizeof(to))) &&
           refused(sendmsg(spare, &message.msg_hdr, flags)) &&
           refused(sendmmsg(spare, &message, 1, flags));
}

/* The end of a name that begins with a NUL is the end of its length. */
static socklen_t abstract_address(struct sockaddr_un *address)
{
    size_t len = strlen(abstract_name);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, abstract_name, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

static long try_abstract(void)
{
    struct sockaddr_un to;
    socklen_t len = abstract_address(&to);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    long result = fd < 0 ? fd : connect(fd, (struct sockaddr *)&to, len);
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return result;
}

static long try_execute(void)
{
    static char path[] = "/bin/true";
    char *const argv[] = {path, NULL}, *const environment[] = {NULL};

    return execve(path, argv, environment);
}

static long try_fork(void)
{
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(0);
    return child;
}

/* The hour of UTC at which it is noon here, on the first of a month. */
static long noon_of(int month)
{
    struct tm when = {.tm_year = 130, .tm_mon = month, .tm_mday = 1, .tm_hour = 12, .tm_isdst = -1};

    return (long)mktime(&when) % 86400 / 3600;
}

/* In either half of the year, while no file can be read that says so. */
static void check_local_time(void)
{
    CHECK(noon_of(0) == 17 && noon_of(6) == 16, "local time keeps its rules");
}

static void *nothing(void *context)
{
    return context;
}

static bool thread_works(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

/* Ways to the network, and to other programs, that no role needs. */
static void check_sockets(void)
{
    static const int types[] = {SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_PACKET};
    static const int protocols[] = {IPPROTO_MPTCP, IPPROTO_SCTP, 256 /* SMC */};
    static const int families[] = {AF_INET, AF_INET6};
    int pair[2], level = 0;

    for (size_t f = 0; f < 2; f++) {
        bool all = true;

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            all = all && refused(try_socket(families[f], types[i], 0)) &&
                  refused(try_socket(families[f], types[i], IPPROTO_ICMP));
        CHECK(all, "no other type of socket is made, of family %d", families[f]);
        for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
            all = all && refused(try_socket(families[f], SOCK_STREAM, protocols[i]));
        CHECK(all, "nor one of another protocol, of family %d", families[f]);
    }
    for (int family = 0; family < 64; family++) {
        if (family != AF_INET && family != AF_INET6 && family != AF_UNIX &&
            (!refused(try_socket(family, SOCK_STREAM, 0)) ||
             !refused(try_socket(family, SOCK_DGRAM, 0)) ||
             !refused(try_socket(family, SOCK_RAW, 0))))
            level = family;
    }
    CHECK(level == 0, "no socket of another family is made (%d)", level);
    CHECK(refused(try_socket(AF_UNIX, SOCK_DGRAM, 0)), "no UNIX socket for messages is made");
    CHECK(refused(try_socket(AF_UNIX, SOCK_SEQPACKET, 0)), "nor one for records");
    CHECK(refused(try_abstract()), "no abstract UNIX socket is connected to");
    CHECK(refused(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)), "no pair of them is made");
    CHECK(fast_open_refused(), "nothing is sent with a SYN to where no connection may go");
    CHECK(refused(listen(spare, 1)), "no socket is made to listen");
    CHECK(refused(setsockopt(spare, IPPROTO_TCP, TCP_ULP, "smc", 3)),
          "no socket is made one of another kind");
}

/* What no role may do. */
static void check_everybody(void)
{
    check_local_time();
    CHECK(refused(try_execute()), "no program is executed");
    CHECK(refused(syscall(SYS_ptrace, 0, 0, 0, 0)), "no process is traced");
    CHECK(refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)),
          "no other process's memory is read");
    CHECK(refused(kill(getppid(), 0)), "no other process is signalled");
    CHECK(refused(fcntl(STDERR_FILENO, F_SETOWN, getppid())), "nor by a descriptor");
    CHECK(refused(fcntl(STDERR_FILENO, F_SETSIG, SIGKILL)), "nor with another signal");
    CHECK(refused(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, NULL)),
          "nor its limits touched");
    CHECK(refused(try_open(kept, O_WRONLY)), "no file is written");
    CHECK(refused(try_open("/tmp/kith-sandbox-new", O_WRONLY | O_CREAT)), "no file is made");
    CHECK(refused(syscall(SYS_setuid, 0)), "no identity is taken");
    CHECK(refused(syscall(SYS_bpf, 0, NULL, 0)), "no program for the kernel is loaded");
    CHECK(refused(syscall(SYS_io_uring_setup, 1, NULL)), "no way around the filter is opened");
}

/* What only who resolves names may do. */
static void check_network(void)
{
    check_sockets();
    CHECK(refused(try_fork()), "no process is made");
    CHECK(refused(try_open("/etc/passwd", O_RDONLY)), "no file of the system is read");
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
          "no memory is made executable");
}

static void check_unbound(void)
{
    CHECK(refused(try_bind()), "no address is taken");
}

static void check_keeper(void)
{
    check_sockets();
    CHECK(refused(try_fork()), "no process is made");
    CHECK(refused(socket(AF_INET, SOCK_STREAM, 0)), "no socket is made");
    CHECK(refused(accept(0, NULL, NULL)), "no call is accepted");
    CHECK(try_open(beside, O_RDONLY) >= 0, "a file is read");
    CHECK(refused(rename(beside, kept)), "and not renamed");
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
          "no memory is made executable");
}

/* Who resolves names reads files, and asks; and does nothing else. */
static void check_lookup(void)
{
    CHECK(try_open(beside, O_RDONLY) >= 0, "a file is read");
    CHECK(try_open("/etc/passwd", O_RDONLY) >= 0, "one of the system as well");
    CHECK(try_socket(AF_INET, SOCK_DGRAM, 0) >= 0, "a name server is asked");
    CHECK(try_socket(AF_NETLINK, SOCK_RAW, 0) >= 0, "and the kernel, for our addresses");
    CHECK(refused(try_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)), "by no other protocol");
    CHECK(refused(try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), "nor by packets");
    CHECK(refused(try_socket(AF_PACKET, SOCK_RAW, 0)), "of no kind");
    CHECK(refused(try_connect(other_port)), "no port is connected to");
    CHECK(refused(try_abstract()), "no abstract UNIX socket is connected to");
    CHECK(fast_open_refused(), "nor with a SYN that carries something");
    CHECK(refused(accept(0, NULL, NULL)), "no call is accepted");
    CHECK(refused(unlink(beside)), "nothing is removed");
    CHECK(try_fork() > 0, "a child is made");
    CHECK(refused(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0)), "of this world alone");
}

/* C libraries ask whether something is a terminal in three ways. */
static void check_terminal_questions(void)
{
    unsigned char answer[64];

    CHECK(!refused(ioctl(0, TCGETS, answer)), "a terminal is asked for its settings");
    CHECK(!refused(ioctl(0, _IOC(_IOC_READ, 'T', 0x2a, 44), answer)), "in the newer way, too");
    CHECK(!refused(ioctl(0, TIOCGWINSZ, answer)), "and for its size");
    CHECK(refused(ioctl(0, TIOCSTI, answer)), "but nothing is typed into it");
    CHECK(refused(ioctl(0, TCSETS, answer)), "and it is not set");
}

static void check_pipe(void)
{
    CHECK(refused(socket(AF_INET, SOCK_STREAM, 0)), "no socket is made");
    CHECK(refused(try_open(kept, O_RDONLY)), "no file of ours is read");
    CHECK(refused(accept(0, NULL, NULL)), "no call is accepted");
    CHECK(isatty(0) == 0 && errno != EPERM, "stdin is asked what it is");
    check_terminal_questions();
}

static void check_listen(void)
{
    CHECK(refused(socket(AF_INET, SOCK_STREAM, 0)), "no socket is made");
    CHECK(accept(0, NULL, NULL) < 0 && errno == ENOTSOCK, "a call would be accepted");
}

static long try_pair(void)
{
    int pair[2];
    long result = socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);

    if (result == 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
    return result;
}

static void check_daemon(void)
{
    CHECK(refused(try_open(kept, O_RDONLY)), "no file of ours is read, the identity least");
    CHECK(refused(unlink(beside)), "nothing is removed");
    CHECK(refused(try_connect(other_port)), "no other port is connected to");
    CHECK(try_connect(allowed_port) < 0 && errno == ECONNREFUSED, "the target's port is");
    CHECK(refused(try_socket(AF_UNIX, SOCK_STREAM, 0)), "no UNIX socket is made");
    CHECK(thread_works(), "threads are made");
    CHECK(refused(try_pair()), "no pair of sockets is made for programs");
}

/* A target that is a program, which another process starts. */
static void check_programs(void)
{
    CHECK(refused(try_open(kept, O_RDONLY)), "no file of ours is read, the identity least");
    CHECK(refused(unlink(beside)), "nothing is removed");
    CHECK(refused(socket(AF_INET, SOCK_STREAM, 0)), "no socket of TCP is made");
    CHECK(refused(try_socket(AF_UNIX, SOCK_STREAM, 0)), "nor one of UNIX");
    CHECK(try_pair() == 0, "a pair of sockets is, for a program");
    CHECK(thread_works(), "threads are made");
}

/* A target that is a UNIX socket. */
static void check_path(void)
{
    CHECK(try_socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "a UNIX socket is made");
    CHECK(refused(try_socket(AF_INET, SOCK_STREAM, 0)), "and none of TCP");
    CHECK(refused(try_connect(allowed_port)), "no port is connected to");
}

/* An address of our own is taken, with whatever port is free. */
static void check_source(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(allowed_port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(refused(bind(fd, (struct sockaddr *)&at, sizeof(at))), "no port is taken by number");
    CHECK(try_bind() == 0, "an address is");
    (void)close(fd);
}

static void check_forward(void)
{
    CHECK(try_connect(other_port) < 0 && errno == ECONNREFUSED, "any port is connected to");
    CHECK(unlink(beside) == 0, "its own socket is removed");
    CHECK(refused(try_open(kept, O_RDONLY)), "and nothing in its folder read");
    CHECK(refused(try_socket(AF_UNIX, SOCK_STREAM, 0)), "no UNIX socket is made");
}

/* Do the checks of a role in a process that is confined to it; its results are ours. */
static void in_role(enum sandbox_role role, const struct sandbox_needs *needs,
                    void (*const checks[])(void))
{
    int line[2], results[2] = {0, 0};
    pid_t child;

    if (pipe(line) != 0 || (child = fork()) < 0)
        exit(1);
    if (child == 0) {
        zone_hold();
        sandbox_enter(role, needs);
        for (size_t i = 0; checks[i] != NULL; i++)
            checks[i]();
        results[0] = tap_count;
        results[1] = tap_failed;
        _exit(write(line[1], results, sizeof(results)) == (ssize_t)sizeof(results) ? 0 : 1);
    }
    (void)close(line[1]);
    if (read(line[0], results, sizeof(results)) == (ssize_t)sizeof(results)) {
        tap_count = results[0];
        tap_failed = results[1];
    }
    (void)close(line[0]);
    (void)waitpid(child, &results[0], 0);
    CHECK(results[0] == 0, "role %d came to its end", (int)role);
}

/* A port that nobody listens on: one that was just given up. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        exit(1);
    (void)close(fd);
    return ntohs(at.sin_port);
}

/* A socket of an abstract name that anybody could connect to. */
static int listen_abstract(void)
{
    struct sockaddr_un at;
    socklen_t len;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(abstract_name, sizeof(abstract_name), "kith-sandbox-%ld", (long)getpid());
    len = abstract_address(&at);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 8) != 0)
        exit(1);
    return fd;
}

#define CHECKS(...) ((void (*const[])(void)){check_everybody, __VA_ARGS__, NULL})

static void run(void)
{
    const struct sandbox_needs none = {.reads = false};
    const struct sandbox_needs reads = {.reads = true};
    const struct sandbox_needs serve = {.connects = true, .port = allowed_port};
    const struct sandbox_needs path = {.connects_locally = true};
    const struct sandbox_needs programs = {.has_programs = true};
    const struct sandbox_needs forward = {.connects = true, .removes = kept};
    const struct sandbox_needs source = {.connects = true, .binds = true};

    in_role(SANDBOX_KEEPER, &reads, CHECKS(check_unbound, check_keeper));
    in_role(SANDBOX_LOOKUP, &reads, CHECKS(check_lookup));
    in_role(SANDBOX_PIPE, &none, CHECKS(check_network, check_unbound, check_pipe));
    in_role(SANDBOX_LISTEN, &none, CHECKS(check_network, check_unbound, check_listen));
    in_role(SANDBOX_DAEMON, &serve, CHECKS(check_network, check_unbound, check_daemon));
    in_role(SANDBOX_DAEMON, &path, CHECKS(check_network, check_unbound, check_path));
    in_role(SANDBOX_DAEMON, &programs, CHECKS(check_network, check_unbound, check_programs));
    in_role(SANDBOX_DAEMON, &forward, CHECKS(check_network, check_unbound, check_forward));
    in_role(SANDBOX_DAEMON, &source, CHECKS(check_network, check_source));
}

int main(void)
{
#ifdef KITH_UNCONFINED
    printf("1..0 # SKIP this build is made without confinement\n");
    return 0;
#endif
    if (syscall(444, NULL, 0, 1u) < 6) { /* landlock_create_ruleset, its version */
        printf("1..0 # SKIP this kernel has no Landlock that confines ports and abstract names\n");
        return 0;
    }
    (void)setenv("TZ", "America/New_York", 1);
    if (!zone_is_known()) /* where none are installed */
        (void)setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(kept, sizeof(kept), "%s/kept", folder);
    (void)snprintf(beside, sizeof(beside), "%s/beside", folder);
    if (try_open(kept, O_WRONLY | O_CREAT) < 0 || try_open(beside, O_WRONLY | O_CREAT) < 0)
        return 1;
    allowed_port = free_port();
    other_port = free_port();
    spare = socket(AF_INET, SOCK_STREAM, 0);
    (void)listen_abstract();
    run();
    (void)unlink(kept);
    (void)unlink(beside);
    (void)rmdir(folder);
    return tap_done();
}
