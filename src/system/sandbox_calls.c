/*
 * Owns the lists of system calls, and the filter that is made of them. A call that is in no list
 * fails with EPERM: a C library that tries a newer one goes on with an older one. Must never let a
 * role have a call for which it has no use.
 */
#define _GNU_SOURCE /* CLONE_THREAD */
#include "system/sandbox_calls.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef OUR_ARCH

/* Which older headers do not name. */
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* TCGETS2, whose name needs a struct that does not go with termios.h. */
#define TERMINAL_SETTINGS_2 _IOC(_IOC_READ, 'T', 0x2a, 44)

#define CALL(name) SYS_##name

#define NEW_NAMESPACES                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* Memory, time, the end, what is open, and whose file is ours: everybody's. */
static const int base_calls[] = {
    CALL(read),          CALL(write),           CALL(readv),        CALL(writev),
    CALL(recvfrom),      CALL(recvmsg),         CALL(ppoll),        CALL(close),
    CALL(shutdown),      CALL(munmap),          CALL(mremap),       CALL(brk),
    CALL(madvise),       CALL(futex),           CALL(exit),         CALL(exit_group),
    CALL(rt_sigaction),  CALL(rt_sigprocmask),  CALL(rt_sigreturn), CALL(restart_syscall),
    CALL(clock_gettime), CALL(clock_nanosleep), CALL(nanosleep),    CALL(gettimeofday),
    CALL(fstat),         CALL(newfstatat),      CALL(lseek),        CALL(getrandom),
    CALL(getpid),        CALL(gettid),          CALL(wait4),        CALL(sched_yield),
    CALL(geteuid),
#ifdef SYS_poll
    CALL(poll),
#endif
};

/* The keeper reads the peers again, in a thread, and sorts them (qsort asks how much memory is),
 * and keeps what is secret of them; so does a daemon. */
static const int keeper_calls[] = {
    CALL(openat),
    CALL(mlock),
    CALL(sysinfo),
#ifdef SYS_open
    CALL(open),
#endif
};

/* What arrived is on the disk, and has a name or none. */
static const int filer_calls[] = {
    CALL(fsync),    CALL(linkat), CALL(renameat2), CALL(unlinkat), CALL(lgetxattr),
#ifdef SYS_renameat
    CALL(renameat),
#endif
};

/* The scribe makes a file beside another, with its rights, and puts it in that one's place. */
static const int scribe_calls[] = {
    CALL(openat),    CALL(readlinkat), CALL(mkdirat),   CALL(linkat),       CALL(unlinkat),
    CALL(fchmod),    CALL(fchown),     CALL(fsync),     CALL(flock),        CALL(getcwd),
    CALL(sysinfo),   CALL(lgetxattr),  CALL(fsetxattr), CALL(fremovexattr),
#ifdef SYS_renameat
    CALL(renameat),
#endif
#ifdef SYS_renameat2
    CALL(renameat2),
#endif
#ifdef SYS_open
    CALL(open),      CALL(stat),       CALL(lstat),     CALL(readlink),     CALL(mkdir),
    CALL(link),      CALL(unlink),     CALL(rename),
#endif
};

/* A pipe sets its sockets up, looks at stdin and stdout, and puts nothing where it closes them. */
static const int pipe_calls[] = {
    CALL(dup3),
#ifdef SYS_dup2
    CALL(dup2),
#endif
#ifdef SYS_alarm
    CALL(alarm),
#endif
    CALL(setitimer),   CALL(setsockopt),  CALL(getsockopt),
    CALL(getpeername), CALL(getsockname), CALL(fcntl),
};

/* A helper answers to a pipe. */
static const int listen_calls[] = {
    CALL(accept),
    CALL(accept4),
    CALL(pipe2),
};

/*
 * A daemon makes connections, waits for news of UNIX sockets, and removes the one that
 * it listened on.
 */
static const int daemon_calls[] = {
    CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
    CALL(connect),       CALL(unlinkat),  CALL(mlock),
#ifdef SYS_open
    CALL(lstat),         CALL(unlink),
#endif
};

static const int thread_calls[] = {
    CALL(set_robust_list),
    CALL(sched_getaffinity),
    CALL(sigaltstack),
#ifdef SYS_rseq
    CALL(rseq),
#endif
};

/* What the resolver of a C library does, and the modules that it loads. */
static const int lookup_calls[] = {
    CALL(openat),      CALL(readlinkat),  CALL(faccessat),       CALL(getdents64),
    CALL(pread64),     CALL(statx),       CALL(statfs),          CALL(fcntl),
    CALL(connect),     CALL(bind),        CALL(setsockopt),      CALL(getsockopt),
    CALL(getsockname), CALL(getpeername), CALL(recvmmsg),        CALL(mmap),
    CALL(mlock),       CALL(mprotect),    CALL(set_robust_list), CALL(sched_getaffinity),
    CALL(getuid),      CALL(getgid),      CALL(getegid),         CALL(uname),
    CALL(sysinfo),     CALL(setitimer),
#ifdef SYS_rseq
    CALL(rseq),
#endif
#ifdef SYS_alarm
    CALL(alarm),
#endif
#ifdef SYS_fork
    CALL(fork),
#endif
#ifdef SYS_open
    CALL(open),        CALL(stat),        CALL(lstat),           CALL(access),
    CALL(readlink),
#endif
};

/* The calls of a role that are allowed whatever their arguments are. */
#define CALLS_MAX 128 /* another one would be refused */

struct calls {
    unsigned numbers[CALLS_MAX];
    size_t count;
};

static void allow_calls(struct calls *calls, const int *list, size_t count)
{
    for (size_t i = 0; i < count && calls->count < CALLS_MAX; i++)
        calls->numbers[calls->count++] = (unsigned)list[i];
}

#define FILTER_MAX 512 /* room for the search over CALLS_MAX, and for the rest */

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short len;
};

static void emit(struct filter *filter, struct sock_filter instruction)
{
    if (filter->len < FILTER_MAX)
        filter->code[filter->len++] = instruction;
}

#define STATEMENT(code, value) ((struct sock_filter)BPF_STMT((unsigned short)(code), (value)))
#define JUMP(code, value, yes, no)                                                                 \
    ((struct sock_filter)BPF_JUMP((unsigned short)(code), (value), (yes), (no)))

/* What an argument of a call has to be, in its low half and as far as the mask goes. */
struct test {
    unsigned argument;
    unsigned mask;
    unsigned value;
};

#define TESTS(...) (const struct test[]){__VA_ARGS__}, sizeof((const struct test[]){__VA_ARGS__})

/*
 * Answer a call if all its tests hold. If not, what follows decides: another such rule for the same
 * call, or the search at the end, by which it is refused unless it is listed.
 */
static void answer_if(struct filter *filter, unsigned answer, int call, const struct test *tests,
                      size_t size)
{
    size_t count = size / sizeof(*tests);
    uint8_t end = (uint8_t)(3 * count + 1);

    emit(filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, end));
    for (size_t i = 0; i < count; i++) {
        unsigned at = (unsigned)offsetof(struct seccomp_data, args) + 8 * tests[i].argument;

        emit(filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, at));
        emit(filter, STATEMENT(BPF_ALU | BPF_AND | BPF_K, tests[i].mask));
        end = (uint8_t)(3 * (count - i) - 2);
        emit(filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, tests[i].value, 0, end));
    }
    emit(filter, STATEMENT(BPF_RET | BPF_K, answer));
    emit(filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

static void allow_if(struct filter *filter, int call, const struct test *tests, size_t size)
{
    answer_if(filter, SECCOMP_RET_ALLOW, call, tests, size);
}

static int by_number(const void *a, const void *b)
{
    unsigned first = *(const unsigned *)a, second = *(const unsigned *)b;

    return (first > second) - (first < second);
}

#define LEAF 4 /* this many are compared with one by one */

/*
 * Allow these, which are sorted, and refuse the rest, by halves: the kernel tries a new filter with
 * every call there is, which takes longer than all else in the start of a confinement.
 */
static void emit_search(struct filter *filter, const unsigned *numbers, size_t count)
{
    size_t half = count / 2;
    unsigned short branch = filter->len;

    if (count > LEAF) {
        emit(filter, JUMP(BPF_JMP | BPF_JGE | BPF_K, numbers[half], 0, 0));
        emit_search(filter, numbers, half);
        filter->code[branch].jt = (uint8_t)(filter->len - branch - 1);
        emit_search(filter, numbers + half, count - half);
        return;
    }
    for (size_t i = 0; i < count; i++)
        emit(filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], (uint8_t)(count - i), 0));
    emit(filter, STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    emit(filter, STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A number in full, and flags of which these have to be unset. */
#define IS(argument, value)                                                                        \
    {                                                                                              \
        (argument), ~0U, (value)                                                                   \
    }
#define WITHOUT(argument, flags)                                                                   \
    {                                                                                              \
        (argument), (flags), 0                                                                     \
    }

/*
 * Sockets that are made: TCP by its own name alone, since Landlock knows no other that connects by
 * port (MPTCP for one); none to ask or tell the kernel and other programs anything.
 */
static void allow_socket(struct filter *filter, unsigned family, unsigned type, unsigned protocol)
{
    static const unsigned flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

    allow_if(filter, SYS_socket, TESTS(IS(0, family), {1, ~flags, type}, IS(2, protocol)));
}

static void allow_tcp(struct filter *filter)
{
    allow_socket(filter, AF_INET, SOCK_STREAM, 0);
    allow_socket(filter, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    allow_socket(filter, AF_INET6, SOCK_STREAM, 0);
    allow_socket(filter, AF_INET6, SOCK_STREAM, IPPROTO_TCP);
}

/* The resolver asks by all that a system has, but for sockets of packets. */
static void allow_asking(struct filter *filter)
{
    allow_tcp(filter);
    allow_socket(filter, AF_INET, SOCK_DGRAM, 0);
    allow_socket(filter, AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    allow_socket(filter, AF_INET6, SOCK_DGRAM, 0);
    allow_socket(filter, AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
    allow_socket(filter, AF_UNIX, SOCK_STREAM, 0);
    allow_socket(filter, AF_UNIX, SOCK_DGRAM, 0);
    allow_socket(filter, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

/* What is open may be written to, but not be connected by it, which Landlock does not see. */
static void allow_sending(struct filter *filter)
{
    allow_if(filter, SYS_sendto, TESTS(WITHOUT(3, MSG_FASTOPEN)));
    allow_if(filter, SYS_sendmsg, TESTS(WITHOUT(2, MSG_FASTOPEN)));
    allow_if(filter, SYS_sendmmsg, TESTS(WITHOUT(3, MSG_FASTOPEN)));
}

/* C libraries differ in what they ask: older ones for the settings, newer ones anew, musl the size.
 */
static void allow_isatty(struct filter *filter)
{
    allow_if(filter, SYS_ioctl, TESTS(IS(1, TCGETS)));
    allow_if(filter, SYS_ioctl, TESTS(IS(1, TERMINAL_SETTINGS_2)));
    allow_if(filter, SYS_ioctl, TESTS(IS(1, TIOCGWINSZ)));
}

/* How much waits in a socket or terminal, and in a pipe, that was written to. */
static void allow_queue_looks(struct filter *filter)
{
    allow_if(filter, SYS_ioctl, TESTS(IS(1, TIOCOUTQ))); /* SIOCOUTQ is the same */
    allow_if(filter, SYS_ioctl, TESTS(IS(1, FIONREAD)));
}

/* By what a descriptor signals another process, whichever it is and with whichever signal. */
static void refuse_owners(struct filter *filter)
{
    answer_if(filter, SECCOMP_RET_ERRNO | EPERM, SYS_fcntl, TESTS(IS(1, F_SETOWN)));
    answer_if(filter, SECCOMP_RET_ERRNO | EPERM, SYS_fcntl, TESTS(IS(1, F_SETOWN_EX)));
    answer_if(filter, SECCOMP_RET_ERRNO | EPERM, SYS_fcntl, TESTS(IS(1, F_SETSIG)));
}

static void allow_threads(struct filter *filter, struct calls *calls)
{
    allow_calls(calls, thread_calls, COUNT(thread_calls));
    allow_if(filter, SYS_clone, TESTS({0, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD}));
    allow_if(filter, SYS_prlimit64, TESTS(IS(0, 0))); /* for the stack of a thread */
}

/* An agent is called, and whose it is seen. */
static void allow_agent(struct filter *filter, struct calls *calls)
{
    allow_calls(calls, (const int[]){SYS_connect}, 1);
    allow_socket(filter, AF_UNIX, SOCK_STREAM, 0);
    allow_if(filter, SYS_getsockopt, TESTS(IS(1, SOL_SOCKET), IS(2, SO_PEERCRED)));
}

static void allow_daemon(struct filter *filter, struct calls *calls,
                         const struct sandbox_needs *needs)
{
    allow_calls(calls, daemon_calls, COUNT(daemon_calls));
    if (needs->connects)
        allow_tcp(filter);
    if (needs->connects_locally)
        allow_socket(filter, AF_UNIX, SOCK_STREAM, 0);
    if (needs->binds)
        allow_calls(calls, (const int[]){SYS_bind}, 1);
    allow_threads(filter, calls);
}

/* It gets the rights of the one that it replaces; nothing else does, nor another owner. */
static void allow_filer(struct filter *filter, struct calls *calls, unsigned file)
{
    allow_calls(calls, filer_calls, COUNT(filer_calls));
    allow_if(filter, SYS_fchmod, TESTS(IS(0, file)));
    allow_if(filter, SYS_fchown, TESTS(IS(0, file), IS(1, ~0U)));
    allow_if(filter, SYS_fsetxattr, TESTS(IS(0, file)));
    allow_if(filter, SYS_fremovexattr, TESTS(IS(0, file)));
}

/* What a program and the launcher have of ours. */
static void allow_programs(struct filter *filter, struct calls *calls)
{
    allow_calls(calls, (const int[]){SYS_pipe2}, 1);
    allow_if(filter, SYS_socketpair, TESTS(IS(0, AF_UNIX), IS(1, SOCK_SEQPACKET)));
}

static void allow_calls_by_programs(struct filter *filter)
{
    allow_if(filter, SYS_socketpair, TESTS(IS(0, AF_UNIX), IS(1, SOCK_SEQPACKET)));
    allow_if(filter, SYS_socketpair, TESTS(IS(0, AF_UNIX), IS(1, SOCK_STREAM)));
}

static void allow_lookup(struct filter *filter, struct calls *calls)
{
    allow_calls(calls, lookup_calls, COUNT(lookup_calls));
    allow_asking(filter);
    refuse_owners(filter);
    allow_if(filter, SYS_ioctl, TESTS(IS(1, SIOCGIFINDEX))); /* the zone of an address */
    allow_if(filter, SYS_ioctl, TESTS(IS(1, FIONREAD)));     /* how long an answer is */
    allow_if(filter, SYS_clone, TESTS(WITHOUT(0, NEW_NAMESPACES)));
    allow_if(filter, SYS_prlimit64, TESTS(IS(0, 0)));
}

/* What a role may call: some depending on an argument, the others gathered for the search. */
static void allow_role(struct filter *filter, struct calls *calls, enum sandbox_role role,
                       const struct sandbox_needs *needs)
{
    allow_sending(filter);
    allow_calls(calls, base_calls, COUNT(base_calls));
    allow_if(filter, SYS_tgkill, TESTS(IS(0, (unsigned)getpid()))); /* raise */
    if (role == SANDBOX_KEEPER) {
        allow_calls(calls, keeper_calls, COUNT(keeper_calls));
        allow_threads(filter, calls);
        if (needs->connects_locally)
            allow_agent(filter, calls);
    }
    if (role == SANDBOX_FILER)
        allow_filer(filter, calls, (unsigned)*needs->file);
    if (role == SANDBOX_SCRIBE)
        allow_calls(calls, scribe_calls, COUNT(scribe_calls));
    answer_if(filter, SECCOMP_RET_ERRNO | EPERM, SYS_setsockopt,
              TESTS(IS(1, IPPROTO_TCP), IS(2, TCP_ULP))); /* it becomes one of another kind */
    if (role >= SANDBOX_PIPE) {
        refuse_owners(filter);
        allow_calls(calls, pipe_calls, COUNT(pipe_calls));
        allow_isatty(filter);
        allow_queue_looks(filter);
    }
    if (role >= SANDBOX_LISTEN)
        allow_calls(calls, listen_calls, COUNT(listen_calls));
    if (needs->talks) /* what was typed before a question is thrown away */
        allow_if(filter, SYS_ioctl, TESTS(IS(1, TCFLSH), IS(2, TCIFLUSH)));
    if (needs->has_programs)
        allow_programs(filter, calls);
    if (needs->calls_by_programs)
        allow_calls_by_programs(filter);
    if (role == SANDBOX_DAEMON)
        allow_daemon(filter, calls, needs);
    if (role == SANDBOX_LOOKUP) {
        allow_lookup(filter, calls);
        return;
    }
    allow_if(filter, SYS_mmap, TESTS(WITHOUT(2, PROT_EXEC)));
    allow_if(filter, SYS_mprotect, TESTS(WITHOUT(2, PROT_EXEC)));
}

const char *sandbox_filter_calls(enum sandbox_role role, const struct sandbox_needs *needs)
{
    struct calls calls = {.count = 0};
    struct filter filter = {.len = 0};
    struct sock_fprog program = {.filter = filter.code};

    emit(&filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    emit(&filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    emit(&filter, STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    emit(&filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    allow_role(&filter, &calls, role, needs);
#ifdef SYS_clone3
    /* Its flags are in memory, where a filter cannot look: the C library then takes clone. */
    emit(&filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1));
    emit(&filter, STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
#endif
    qsort(calls.numbers, calls.count, sizeof(calls.numbers[0]), by_number);
    emit_search(&filter, calls.numbers, calls.count);
    program.len = filter.len;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return strerror(errno);
    return NULL;
}

#else

const char *sandbox_filter_calls(enum sandbox_role role, const struct sandbox_needs *needs)
{
    (void)role;
    (void)needs;
    return "not in this build: system calls are not confined";
}

#endif
#endif
