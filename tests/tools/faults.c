/*
 * Calls that fail, one at a time: to be preloaded into kith, of which each process has a role,
 * named by its place in the tree of forks ("0", its second child "0.2"). On a board that others can
 * read, a file that is mapped before anything is confined, all calls of each role are counted; the
 * one that is asked for fails, moves one byte only, or takes its time. Nothing here makes a system
 * call of its own after the start, but for that sleep.
 *
 *   KITH_FAULT_BOARD   the file, as long as struct board
 *   KITH_FAULT         "ROLE CALL FIRST LAST HOW NUMBER": the calls FIRST to LAST of this name, in
 *                      that role; HOW is fail (NUMBER is the errno, or what is returned), short
 *                      (one byte), slow (NUMBER is in milliseconds), held (until the hits on the
 *                      board are none again, but so many milliseconds at most), or kill (by
 *                      SIGKILL, before it)
 *
 * kith gives no variable of its own to the programs that it starts, so they are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
#define CALLS(X) \
    X(malloc) X(calloc) X(realloc) X(strdup) X(mmap) X(mlock) X(madvise) X(getentropy) X(getrandom) \
    X(open) X(read) X(write) X(readv) X(writev) X(close) X(fstat) X(stat) X(lstat) X(lseek) \
    X(fcntl) X(ioctl) X(dup2) X(pipe) X(pipe2) X(poll) X(epoll_create1) X(epoll_ctl) \
    X(epoll_wait) X(fchmod) X(fsync) X(link) X(rename) X(unlink) X(mkdir) X(mkstemp) X(flock) \
    X(realpath) X(readlink) X(fflush) X(tcgetattr) X(tcsetattr) X(socket) X(socketpair) X(bind) \
    X(listen) X(accept4) X(connect) X(send) X(recv) X(sendmsg) X(recvmsg) X(shutdown) \
    X(getsockopt) X(setsockopt) X(getsockname) X(getpeername) X(getaddrinfo) X(getnameinfo) \
    X(gethostname) X(getpwuid) X(fork) X(waitpid) X(waitid) X(kill) X(setsid) X(execvp) X(prctl) \
    X(syscall) X(getrlimit) X(setrlimit) X(nanosleep) X(setenv) X(pthread_create) \
    X(pthread_mutex_init) X(pthread_cond_init) X(pthread_attr_init) X(openat) X(fstatat) X(linkat) \
    X(renameat) X(renameat2) X(unlinkat)
/* clang-format on */

#define NAME(name) #name,
#define NUMBER(name) CALL_##name,
enum { CALLS(NUMBER) CALL_COUNT };

#define WORD_SIZE 24
#define ROLES 256
#define HELD_LOOK_MS 5

struct role {
    char path[WORD_SIZE];
    int32_t process;
    atomic_uint counts[CALL_COUNT];
};

/* What tests/tools/faults.py reads. */
struct board {
    atomic_int hits;      /* how often the fault came about */
    int32_t on_stderr;    /* whether one of them was about descriptor 2 */
    uint64_t hit_at;      /* where the first was called, from the start of the program */
    uint64_t unopened_at; /* where a descriptor was closed that is not open: twice, most likely */
    atomic_int role_count;
    int32_t call_count;
    char names[CALL_COUNT][WORD_SIZE];
    struct role roles[ROLES];
};

static const char *const names[] = {CALLS(NAME)};
static void *usual[CALL_COUNT];

static struct board *board;
static struct role *role;
static uint64_t base; /* where the program is in memory */

static struct {
    char role[WORD_SIZE], call[WORD_SIZE], how[WORD_SIZE];
    unsigned first, last;
    int number;
} fault;

static enum { FAIL, SHORT, SLOW, HELD, KILL } how;
static int fault_call = -1;
static int hit_fd; /* what fails for good is one descriptor: a disk, a connection */

static void *usual_of(int call)
{
    if (usual[call] == NULL)
        usual[call] = dlsym(RTLD_NEXT, names[call]);
    return usual[call];
}

static void enter_role(const char *parent, unsigned child)
{
    int place = atomic_fetch_add(&board->role_count, 1);
    size_t len = strlen(parent);

    role = place < ROLES ? &board->roles[place] : NULL;
    if (role == NULL || len + 5 > sizeof(role->path))
        return;
    memcpy(role->path, parent, len);
    if (len == 0)
        role->path[len++] = '0';
    if (child > 0) {
        role->path[len++] = '.';
        if (child >= 10)
            role->path[len++] = (char)('0' + child / 10 % 10);
        role->path[len] = (char)('0' + child % 10);
    }
    role->process = getpid();
}

static int note_base(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    base = info->dlpi_addr;
    return 1; /* the first is the program */
}

static void read_fault(const char *text)
{
    if (text == NULL || sscanf(text, "%23s %23s %u %u %23s %d", fault.role, fault.call,
                               &fault.first, &fault.last, fault.how, &fault.number) != 6)
        return;
    for (int i = 0; i < CALL_COUNT; i++) {
        if (strcmp(names[i], fault.call) == 0)
            fault_call = i;
    }
    how = strcmp(fault.how, "short") == 0  ? SHORT
          : strcmp(fault.how, "slow") == 0 ? SLOW
          : strcmp(fault.how, "held") == 0 ? HELD
          : strcmp(fault.how, "kill") == 0 ? KILL
                                           : FAIL;
}

/* Everything that needs a system call or a lock, before the program begins. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("KITH_FAULT_BOARD");
    int fd;

    for (int i = 0; i < CALL_COUNT; i++)
        (void)usual_of(i);
    fd = path == NULL ? -1 : ((__typeof__(&open))usual[CALL_open])(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    board = ((__typeof__(&mmap))usual[CALL_mmap])(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
                                                  MAP_SHARED, fd, 0);
    (void)((__typeof__(&close))usual[CALL_close])(fd);
    if (board == MAP_FAILED)
        board = NULL;
    if (board == NULL)
        return;
    board->call_count = CALL_COUNT;
    for (int i = 0; i < CALL_COUNT; i++)
        (void)strncpy(board->names[i], names[i], WORD_SIZE - 1);
    (void)dl_iterate_phdr(note_base, NULL);
    read_fault(getenv("KITH_FAULT"));
    enter_role("", 0);
}

static void sleep_ms(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    (void)((__typeof__(&nanosleep))usual[CALL_nanosleep])(&time, NULL);
}

static void hold(int most_ms)
{
    for (int ms = 0; ms < most_ms && atomic_load(&board->hits) > 0; ms += HELD_LOOK_MS)
        sleep_ms(HELD_LOOK_MS);
}

/* Count this call; whether it is the one, in a way that its maker has to see to. */
static bool is_hit(int call, int fd, const void *caller)
{
    unsigned count;

    if (role == NULL)
        return false;
    count = atomic_fetch_add(&role->counts[call], 1) + 1;
    if (call != fault_call || count < fault.first || count > fault.last ||
        strcmp(role->path, fault.role) != 0 || (board->hits > 0 && fd != hit_fd))
        return false;
    if (atomic_fetch_add(&board->hits, 1) == 0) {
        hit_fd = fd;
        board->hit_at = (uint64_t)(uintptr_t)caller - base;
    }
    board->on_stderr |= fd == STDERR_FILENO;
    if (how == KILL)
        (void)raise(SIGKILL);
    if (how == SLOW)
        sleep_ms(fault.number);
    if (how == HELD)
        hold(fault.number);
    return how != SLOW && how != HELD;
}

static bool fails(int call, int fd, const void *caller)
{
    if (!is_hit(call, fd, caller) || how != FAIL)
        return false;
    errno = fault.number > 0 ? fault.number : EIO; /* of getaddrinfo's kind */
    return true;
}

#define FAILS(name, fd) fails(CALL_##name, (fd), __builtin_return_address(0))
#define USUAL(name) ((__typeof__(&name))usual_of(CALL_##name))

/* A call whose first argument is a descriptor, or not; result is what it returns if it fails. */
#define WRAP(name, type, result, fd, parameters, arguments)                                        \
    type name parameters                                                                           \
    {                                                                                              \
        return FAILS(name, fd) ? (result) : USUAL(name) arguments;                                 \
    }

/* One that moves len bytes, and can move one alone. */
#define WRAP_MOVES(name, parameters, arguments)                                                    \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        if (is_hit(CALL_##name, fd, __builtin_return_address(0))) {                                \
            errno = fault.number;                                                                  \
            if (how == FAIL)                                                                       \
                return -1;                                                                         \
            len = len > 1 ? 1 : len;                                                               \
        }                                                                                          \
        return USUAL(name) arguments;                                                              \
    }

/* The same of pieces: one byte of the first that has any. */
#define WRAP_PIECES(name)                                                                          \
    ssize_t name(int fd, const struct iovec *pieces, int count)                                    \
    {                                                                                              \
        struct iovec one = {NULL, 1};                                                              \
                                                                                                   \
        if (is_hit(CALL_##name, fd, __builtin_return_address(0))) {                                \
            errno = fault.number;                                                                  \
            if (how == FAIL)                                                                       \
                return -1;                                                                         \
            for (int i = 0; one.iov_base == NULL && i < count; i++)                                \
                one.iov_base = pieces[i].iov_len > 0 ? pieces[i].iov_base : NULL;                  \
            if (one.iov_base != NULL)                                                              \
                return USUAL(name)(fd, &one, 1);                                                   \
        }                                                                                          \
        return USUAL(name)(fd, pieces, count);                                                     \
    }

/* clang-format off */
WRAP(malloc, void *, NULL, -1, (size_t n), (n))
WRAP(calloc, void *, NULL, -1, (size_t n, size_t size), (n, size))
WRAP(realloc, void *, NULL, -1, (void *at, size_t size), (at, size))
WRAP(strdup, char *, NULL, -1, (const char *text), (text))
WRAP(mmap, void *, MAP_FAILED, fd, (void *at, size_t len, int prot, int flags, int fd, off_t where),
     (at, len, prot, flags, fd, where))
WRAP(mlock, int, -1, -1, (const void *at, size_t len), (at, len))
WRAP(madvise, int, -1, -1, (void *at, size_t len, int advice), (at, len, advice))
WRAP(getentropy, int, -1, -1, (void *bytes, size_t len), (bytes, len))
WRAP(getrandom, ssize_t, -1, -1, (void *bytes, size_t len, unsigned flags), (bytes, len, flags))
WRAP_MOVES(read, (int fd, void *bytes, size_t len), (fd, bytes, len))
WRAP_MOVES(write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP_MOVES(send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP_MOVES(recv, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP_PIECES(readv)
WRAP_PIECES(writev)
WRAP(fstat, int, -1, fd, (int fd, struct stat *status), (fd, status))
WRAP(stat, int, -1, -1, (const char *path, struct stat *status), (path, status))
WRAP(lstat, int, -1, -1, (const char *path, struct stat *status), (path, status))
WRAP(lseek, off_t, -1, fd, (int fd, off_t to, int from), (fd, to, from))
WRAP(dup2, int, -1, fd, (int fd, int other), (fd, other))
WRAP(pipe, int, -1, -1, (int ends[2]), (ends))
WRAP(pipe2, int, -1, -1, (int ends[2], int flags), (ends, flags))
WRAP(poll, int, -1, -1, (struct pollfd *fds, nfds_t count, int ms), (fds, count, ms))
WRAP(epoll_create1, int, -1, -1, (int flags), (flags))
WRAP(epoll_ctl, int, -1, fd, (int fd, int what, int other, struct epoll_event *event),
     (fd, what, other, event))
WRAP(epoll_wait, int, -1, fd, (int fd, struct epoll_event *events, int most, int ms),
     (fd, events, most, ms))
WRAP(fchmod, int, -1, fd, (int fd, mode_t mode), (fd, mode))
WRAP(fsync, int, -1, fd, (int fd), (fd))
WRAP(link, int, -1, -1, (const char *from, const char *to), (from, to))
WRAP(rename, int, -1, -1, (const char *from, const char *to), (from, to))
WRAP(unlink, int, -1, -1, (const char *path), (path))
WRAP(fstatat, int, -1, -1, (int folder, const char *path, struct stat *status, int flags),
     (folder, path, status, flags))
WRAP(linkat, int, -1, -1, (int folder, const char *from, int other, const char *to, int flags),
     (folder, from, other, to, flags))
WRAP(renameat, int, -1, -1, (int folder, const char *from, int other, const char *to),
     (folder, from, other, to))
WRAP(renameat2, int, -1, -1, (int folder, const char *from, int other, const char *to, unsigned flags),
     (folder, from, other, to, flags))
WRAP(unlinkat, int, -1, -1, (int folder, const char *path, int flags), (folder, path, flags))
WRAP(mkdir, int, -1, -1, (const char *path, mode_t mode), (path, mode))
WRAP(mkstemp, int, -1, -1, (char *path), (path))
WRAP(flock, int, -1, fd, (int fd, int what), (fd, what))
WRAP(realpath, char *, NULL, -1, (const char *path, char *out), (path, out))
WRAP(readlink, ssize_t, -1, -1, (const char *path, char *out, size_t size), (path, out, size))
WRAP(fflush, int, EOF, -1, (FILE *file), (file))
WRAP(tcgetattr, int, -1, fd, (int fd, struct termios *settings), (fd, settings))
WRAP(tcsetattr, int, -1, fd, (int fd, int when, const struct termios *settings),
     (fd, when, settings))
WRAP(socket, int, -1, -1, (int family, int type, int protocol), (family, type, protocol))
WRAP(socketpair, int, -1, -1, (int family, int type, int protocol, int ends[2]),
     (family, type, protocol, ends))
WRAP(bind, int, -1, fd, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
WRAP(listen, int, -1, fd, (int fd, int backlog), (fd, backlog))
WRAP(accept4, int, -1, fd, (int fd, struct sockaddr *from, socklen_t *len, int flags),
     (fd, from, len, flags))
WRAP(connect, int, -1, fd, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
WRAP(sendmsg, ssize_t, -1, fd, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(recvmsg, ssize_t, -1, fd, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(shutdown, int, -1, fd, (int fd, int which), (fd, which))
WRAP(getsockopt, int, -1, fd, (int fd, int level, int name, void *value, socklen_t *len),
     (fd, level, name, value, len))
WRAP(setsockopt, int, -1, fd, (int fd, int level, int name, const void *value, socklen_t len),
     (fd, level, name, value, len))
WRAP(getsockname, int, -1, fd, (int fd, struct sockaddr *at, socklen_t *len), (fd, at, len))
WRAP(getpeername, int, -1, fd, (int fd, struct sockaddr *at, socklen_t *len), (fd, at, len))
WRAP(getaddrinfo, int, fault.number, -1, (const char *host, const char *port,
     const struct addrinfo *hints, struct addrinfo **list), (host, port, hints, list))
WRAP(getnameinfo, int, fault.number, -1, (const struct sockaddr *at, socklen_t len, char *host,
     socklen_t host_size, char *port, socklen_t port_size, int flags),
     (at, len, host, host_size, port, port_size, flags))
WRAP(gethostname, int, -1, -1, (char *name, size_t size), (name, size))
WRAP(getpwuid, struct passwd *, NULL, -1, (uid_t user), (user))
WRAP(waitpid, pid_t, -1, -1, (pid_t process, int *status, int flags), (process, status, flags))
WRAP(waitid, int, -1, -1, (idtype_t type, id_t id, siginfo_t *info, int flags),
     (type, id, info, flags))
WRAP(kill, int, -1, -1, (pid_t process, int number), (process, number))
WRAP(setsid, pid_t, -1, -1, (void), ())
WRAP(execvp, int, -1, -1, (const char *file, char *const *argv), (file, argv))
WRAP(getrlimit, int, -1, -1, (__rlimit_resource_t which, struct rlimit *limit), (which, limit))
WRAP(setrlimit, int, -1, -1, (__rlimit_resource_t which, const struct rlimit *limit),
     (which, limit))
WRAP(nanosleep, int, -1, -1, (const struct timespec *time, struct timespec *left), (time, left))
WRAP(setenv, int, -1, -1, (const char *name, const char *value, int replace),
     (name, value, replace))
WRAP(pthread_create, int, fault.number, -1, (pthread_t *thread, const pthread_attr_t *attributes,
     void *(*life)(void *), void *context), (thread, attributes, life, context))
WRAP(pthread_mutex_init, int, fault.number, -1,
     (pthread_mutex_t *lock, const pthread_mutexattr_t *attributes), (lock, attributes))
WRAP(pthread_cond_init, int, fault.number, -1,
     (pthread_cond_t *condition, const pthread_condattr_t *attributes), (condition, attributes))
WRAP(pthread_attr_init, int, fault.number, -1, (pthread_attr_t *attributes), (attributes))
/* clang-format on */

/* Whatever it says, the descriptor is closed. */
int close(int fd)
{
    bool failing = FAILS(close, fd);
    int saved = errno;
    int result = USUAL(close)(fd);

    if (result != 0 && errno == EBADF && fd >= 0 && board != NULL)
        board->unopened_at = (uint64_t)(uintptr_t)__builtin_return_address(0) - base;
    if (!failing)
        return result;
    errno = saved;
    return -1;
}

pid_t fork(void)
{
    unsigned child;
    pid_t process;

    if (FAILS(fork, -1))
        return -1;
    child = role == NULL ? 0 : atomic_load(&role->counts[CALL_fork]);
    process = USUAL(fork)();
    if (process == 0 && role != NULL)
        enter_role(role->path, child);
    return process;
}

/* What has one more argument, or none. */
#define ONE_MORE(last)                                                                             \
    __extension__({                                                                                \
        va_list list;                                                                              \
        long more;                                                                                 \
        va_start(list, last);                                                                      \
        more = va_arg(list, long);                                                                 \
        va_end(list);                                                                              \
        more;                                                                                      \
    })

int open(const char *path, int flags, ...)
{
    long mode = ONE_MORE(flags);

    return FAILS(open, -1) ? -1 : USUAL(open)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    long mode = ONE_MORE(flags);

    return FAILS(openat, -1) ? -1 : USUAL(openat)(folder, path, flags, mode);
}

int fcntl(int fd, int what, ...)
{
    long more = ONE_MORE(what);

    return FAILS(fcntl, fd) ? -1 : USUAL(fcntl)(fd, what, more);
}

int ioctl(int fd, unsigned long what, ...)
{
    long more = ONE_MORE(what);

    return FAILS(ioctl, fd) ? -1 : USUAL(ioctl)(fd, what, more);
}

int prctl(int what, ...)
{
    va_list list;
    unsigned long a, b, c, d;

    va_start(list, what);
    a = va_arg(list, unsigned long);
    b = va_arg(list, unsigned long);
    c = va_arg(list, unsigned long);
    d = va_arg(list, unsigned long);
    va_end(list);
    return FAILS(prctl, what) ? -1 : USUAL(prctl)(what, a, b, c, d);
}

long syscall(long number, ...)
{
    va_list list;
    long arguments[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (FAILS(syscall, (int)number))
        return -1;
    return USUAL(syscall)(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);
}

/* The names that they have where sizes are checked. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return FAILS(open, -1) ? -1 : USUAL(open)(path, flags);
}

int __poll_chk(struct pollfd *fds, nfds_t count, int ms, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t count, int ms, size_t size)
{
    (void)size;
    return FAILS(poll, -1) ? -1 : USUAL(poll)(fds, count, ms);
}

char *__realpath_chk(const char *path, char *out, size_t size);
char *__realpath_chk(const char *path, char *out, size_t size)
{
    (void)size;
    return FAILS(realpath, -1) ? NULL : USUAL(realpath)(path, out);
}
