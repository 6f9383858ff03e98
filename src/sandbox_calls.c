/*
 * Owns the lists of system calls, and the filter that is made of them. A call that is in no list
 * fails with EPERM: a C library that tries a newer one goes on with an older one.
 */
#define _GNU_SOURCE /* CLONE_THREAD */
#include "sandbox_calls.h"

#ifdef __linux__

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

#define CALL(name) SYS_##name

/* Memory, time, the end, and what is open: everybody's. */
static const int base_calls[] = {
    CALL(read),          CALL(write),
    CALL(readv),         CALL(writev),
    CALL(recvfrom),      CALL(sendto),
    CALL(recvmsg),       CALL(sendmsg),
    CALL(ppoll),         CALL(close),
    CALL(shutdown),      CALL(munmap),
    CALL(mremap),        CALL(brk),
    CALL(madvise),       CALL(futex),
    CALL(exit),          CALL(exit_group),
    CALL(rt_sigaction),  CALL(rt_sigprocmask),
    CALL(rt_sigreturn),  CALL(restart_syscall),
    CALL(clock_gettime), CALL(clock_nanosleep),
    CALL(nanosleep),     CALL(gettimeofday),
    CALL(fstat),         CALL(newfstatat),
    CALL(lseek),         CALL(getrandom),
    CALL(getpid),        CALL(gettid),
    CALL(wait4),         CALL(sched_yield),
#ifdef SYS_poll
    CALL(poll),
#endif
};

/* The keeper opens files again for who may not (where Landlock lets it). */
static const int keeper_calls[] = {
    CALL(openat),
#ifdef SYS_open
    CALL(open),
#endif
};

/* A pipe sets its sockets up, and looks at stdin and stdout. */
static const int pipe_calls[] = {
#ifdef SYS_alarm
    CALL(alarm),
#endif
    CALL(setitimer),   CALL(setsockopt),  CALL(getsockopt),
    CALL(getpeername), CALL(getsockname), CALL(fcntl),
};

static const int listen_calls[] = {
    CALL(accept),
    CALL(accept4),
};

/* A daemon makes connections and threads, and reads files (where Landlock lets it). */
static const int daemon_calls[] = {
    CALL(socket),
    CALL(connect),
    CALL(bind),
    CALL(sendmmsg),
    CALL(recvmmsg),
    CALL(openat),
    CALL(readlinkat),
    CALL(faccessat),
    CALL(unlinkat),
    CALL(getdents64),
    CALL(pread64),
    CALL(statx),
    CALL(set_robust_list),
    CALL(sched_getaffinity),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(uname),
    CALL(prlimit64),
    CALL(sigaltstack),
    CALL(sysinfo),
#ifdef SYS_rseq
    CALL(rseq),
#endif
#ifdef SYS_open
    CALL(open),
    CALL(stat),
    CALL(lstat),
    CALL(access),
    CALL(readlink),
    CALL(unlink),
#endif
};

/* The calls of a role that are allowed whatever their arguments are. */
#define CALLS_MAX 128 /* another one would be refused */

struct calls {
    unsigned numbers[CALLS_MAX];
    size_t count;
};

static void allow(struct calls *calls, const int *list, size_t count)
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

/* Allow a call depending on the low half of an argument: compare is BPF_JEQ or BPF_JSET. */
static void allow_if(struct filter *filter, int call, unsigned argument, unsigned short compare,
                     unsigned value, bool wanted)
{
    unsigned at = (unsigned)offsetof(struct seccomp_data, args) + 8 * argument;
    unsigned refuse = SECCOMP_RET_ERRNO | EPERM;

    emit(filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 4));
    emit(filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, at));
    emit(filter, JUMP(BPF_JMP | compare | BPF_K, value, 0, 1));
    emit(filter, STATEMENT(BPF_RET | BPF_K, wanted ? SECCOMP_RET_ALLOW : refuse));
    emit(filter, STATEMENT(BPF_RET | BPF_K, wanted ? refuse : SECCOMP_RET_ALLOW));
}

static int by_number(const void *a, const void *b)
{
    unsigned first = *(const unsigned *)a, second = *(const unsigned *)b;

    return (first > second) - (first < second);
}

#define LEAF 4 /* so many are compared with one by one */

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

/* What a role may call: some depending on an argument, the others gathered for the search. */
static void allow_role(struct filter *filter, struct calls *calls, enum sandbox_role role)
{
    allow(calls, base_calls, COUNT(base_calls));
    allow_if(filter, SYS_tgkill, 0, BPF_JEQ, (unsigned)getpid(), true); /* raise */
    if (role == SANDBOX_KEEPER)
        allow(calls, keeper_calls, COUNT(keeper_calls));
    if (role >= SANDBOX_PIPE) {
        allow(calls, pipe_calls, COUNT(pipe_calls));
        allow_if(filter, SYS_ioctl, 1, BPF_JEQ, TCGETS, true); /* isatty */
    }
    if (role >= SANDBOX_LISTEN)
        allow(calls, listen_calls, COUNT(listen_calls));
    if (role == SANDBOX_DAEMON) {
        allow(calls, daemon_calls, COUNT(daemon_calls));
        allow(calls, (const int[]){SYS_mmap, SYS_mprotect}, 2); /* the resolver's libraries */
        allow_if(filter, SYS_clone, 0, BPF_JSET, CLONE_THREAD, true);
    } else {
        allow_if(filter, SYS_mmap, 2, BPF_JSET, PROT_EXEC, false);
        allow_if(filter, SYS_mprotect, 2, BPF_JSET, PROT_EXEC, false);
    }
}

const char *sandbox_filter_calls(enum sandbox_role role)
{
    struct calls calls = {.count = 0};
    struct filter filter = {.len = 0};
    struct sock_fprog program = {.filter = filter.code};

    emit(&filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    emit(&filter, JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    emit(&filter, STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    emit(&filter, STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    allow_role(&filter, &calls, role);
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

const char *sandbox_filter_calls(enum sandbox_role role)
{
    (void)role;
    return "not in this build: system calls are not confined";
}

#endif
#endif
