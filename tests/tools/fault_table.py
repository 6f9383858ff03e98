"""What can become of each call that kith makes: the errnos that it can have where its arguments are
right, as its manual page has them, and those that a supervisor's filter answers with; and whether
it can be slow, or move less than it was asked to."""

import errno
import socket

MEMORY = "ENOMEM"
REFUSED = "EPERM ENOSYS"  # as an older kernel, or a filter, has it
FILES = "EACCES EPERM ENOENT ENOTDIR ELOOP EIO ENOMEM"
NEW_FILES = FILES + " EROFS ENOSPC EDQUOT"
FEW = "EMFILE ENFILE"
READS = "EIO EINTR EAGAIN ECONNRESET ETIMEDOUT"
WRITES = "EIO EINTR EAGAIN ENOSPC EDQUOT EFBIG EPIPE ECONNRESET"

# By name: the errnos, and "short" and "slow" where they are possible.
CALLS = {
    "malloc": MEMORY, "calloc": MEMORY, "realloc": MEMORY, "strdup": MEMORY,
    "mmap": MEMORY + " EPERM EAGAIN", "mlock": MEMORY + " EPERM EAGAIN",
    "madvise": MEMORY + " EINVAL EAGAIN",
    "getentropy": "EIO ENOSYS EPERM", "getrandom": "ENOSYS EPERM EINTR EAGAIN",
    "open": FILES + " EMFILE ENFILE ENXIO EINTR slow",
    "read": READS + " EISDIR ESTALE short slow",
    "readv": READS + " short slow",
    "recv": READS + " ENOMEM slow",
    "write": WRITES + " short slow",
    "writev": WRITES + " short slow",
    "send": WRITES + " ENOBUFS ENOMEM EHOSTUNREACH slow",
    "sendmsg": "EINTR EAGAIN EPIPE ECONNRESET ENOBUFS ENOMEM ETOOMANYREFS slow",
    "recvmsg": "EINTR EAGAIN ECONNRESET ENOMEM slow",
    "close": "EIO EINTR slow",
    "fstat": "EIO ENOMEM ESTALE slow", "stat": FILES, "lstat": FILES, "lseek": "ESPIPE EOVERFLOW",
    "fcntl": "EPERM EINVAL ENOLCK", "ioctl": "ENOTTY EINVAL EPERM",
    "dup2": "EBUSY EINTR EMFILE", "pipe": FEW, "pipe2": FEW + " ENOSYS",
    "poll": "EINTR ENOMEM slow",
    "epoll_create1": FEW + " ENOMEM ENOSYS EPERM", "epoll_ctl": "ENOMEM ENOSPC EPERM",
    "epoll_wait": "EINTR slow",
    "fchmod": "EPERM EIO EROFS", "fsync": "EIO ENOSPC EDQUOT EROFS EINTR slow",
    "openat": NEW_FILES + " EMFILE ENFILE EEXIST EOPNOTSUPP EISDIR EINVAL EINTR",
    "fstatat": FILES, "linkat": NEW_FILES + " EEXIST EMLINK EXDEV EOPNOTSUPP",
    "renameat": NEW_FILES + " EXDEV EBUSY EISDIR", "renameat2": NEW_FILES + " EEXIST EINVAL ENOSYS",
    "unlinkat": FILES + " EROFS EBUSY",
    "link": NEW_FILES + " EEXIST EMLINK EXDEV", "rename": NEW_FILES + " EXDEV EBUSY EISDIR",
    "unlink": FILES + " EROFS EBUSY", "mkdir": NEW_FILES + " EEXIST",
    "mkstemp": NEW_FILES + " EEXIST EMFILE", "flock": "EINTR ENOLCK EWOULDBLOCK slow",
    "realpath": FILES + " ENAMETOOLONG", "readlink": FILES + " EINVAL",
    "fflush": "EIO ENOSPC EPIPE EFBIG EAGAIN", "tcgetattr": "ENOTTY EIO", "tcsetattr": "EIO EINTR",
    "socket": FEW + " EACCES EAFNOSUPPORT ENOBUFS ENOMEM", "socketpair": FEW + " ENOMEM EPERM",
    "bind": "EACCES EADDRINUSE EADDRNOTAVAIL ENOMEM EPERM", "listen": "EADDRINUSE EOPNOTSUPP",
    "accept4": FEW + " EAGAIN EINTR ECONNABORTED ENOBUFS ENOMEM EPROTO EPERM ENETDOWN slow",
    "connect": "EACCES EPERM EADDRNOTAVAIL EAGAIN ECONNREFUSED ENETUNREACH EHOSTUNREACH "
               "ETIMEDOUT EINTR ENOENT slow",
    "shutdown": "ENOTCONN", "getsockopt": "ENOBUFS ENOPROTOOPT",
    "setsockopt": "ENOBUFS ENOMEM EINVAL ENOPROTOOPT EPERM", "getsockname": "ENOBUFS",
    "getpeername": "ENOTCONN ENOBUFS",
    "getaddrinfo": "EAI_AGAIN EAI_FAIL EAI_MEMORY EAI_NONAME EAI_SYSTEM EAI_FAMILY slow",
    "getnameinfo": "EAI_AGAIN EAI_FAIL EAI_MEMORY EAI_SYSTEM",
    "gethostname": "EPERM ENAMETOOLONG", "getpwuid": "EIO EMFILE ENFILE ENOMEM",
    "fork": "EAGAIN ENOMEM ENOSYS slow", "waitpid": "EINTR ECHILD", "waitid": "EINTR ECHILD",
    "kill": "EPERM ESRCH", "setsid": "EPERM", "execvp": FILES + " ENOEXEC ETXTBSY E2BIG",
    "prctl": "EINVAL EPERM ENOSYS", "syscall": REFUSED + " EINVAL EOPNOTSUPP ENOMEM EMFILE",
    "getrlimit": "EPERM", "setrlimit": "EPERM EINVAL", "nanosleep": "EINTR", "setenv": MEMORY,
    "pthread_create": "EAGAIN EPERM ENOMEM", "pthread_mutex_init": "ENOMEM EAGAIN",
    "pthread_cond_init": "ENOMEM EAGAIN", "pthread_attr_init": MEMORY,
}

# What does not go away: from the Nth call on, all of them.
LASTING = {
    "malloc": "ENOMEM", "calloc": "ENOMEM", "realloc": "ENOMEM", "mmap": "ENOMEM",
    "getentropy": "EIO ENOSYS", "getrandom": "ENOSYS", "open": "EACCES EMFILE", "read": "EIO short",
    "readv": "EIO short", "write": "ENOSPC short", "writev": "ENOSPC short", "send": "ENOBUFS short",
    "recv": "ECONNRESET", "sendmsg": "ENOBUFS", "recvmsg": "ENOMEM", "fstat": "EIO",
    "fcntl": "EPERM", "pipe2": "EMFILE", "epoll_create1": "ENOSYS",
    "epoll_ctl": "ENOSPC", "fsync": "EIO", "socket": "EMFILE", "accept4": "EMFILE EPERM",
    "connect": "EACCES ENETUNREACH", "setsockopt": "ENOBUFS", "getsockopt": "ENOBUFS",
    "getsockname": "ENOBUFS", "getaddrinfo": "EAI_AGAIN", "fork": "EAGAIN", "waitpid": "ECHILD",
    "waitid": "ECHILD", "kill": "EPERM", "prctl": "EPERM", "syscall": "ENOSYS EPERM",
    "setrlimit": "EPERM", "pthread_create": "EAGAIN", "mlock": "EPERM",
}

# Where a scenario is about being killed: at each of these calls, which change something outside.
SEEN = ("open openat read readv recv write writev send sendmsg recvmsg close fstat stat fstatat "
        "fcntl poll fchmod fsync linkat renameat renameat2 unlinkat socketpair bind listen accept4 "
        "shutdown fork waitpid prctl syscall").split()

# What cannot be where it is called in these functions, all of it or these words, with the reason:
# nothing is asked there.
IMPOSSIBLE = {
    ("send", "outlet_end"): ("EPIPE ECONNRESET", "who is told is gone then, and holds nothing"),
    ("shutdown", "outlet_end"): ("", "what is no longer connected has ended at its reader, too"),
    ("shutdown", "program_stop"): ("", "a pair of sockets is connected"),
    ("waitid", "notice_end"): ("", "it does not wait, and the child is ours"),
    ("waitid", "live"): ("", "the same, in a build that puts it in line"),
    ("waitpid", "notice_end"): ("", "so it is with that of --run, which waits for no other one"),
    ("waitpid", "live"): ("", "the same, in a build that puts it in line"),
    ("write", "signals_note"): ("", "a pipe of our own takes it, or is full and wakes as well"),
    ("recvmsg", "hold_read"): ("EAGAIN", "what the news was about is there"),
}


def is_possible(call, word, function):
    """Whether this can come about there."""
    words, _ = IMPOSSIBLE.get((call, function), ("none", ""))
    return bool(words) and word not in words.split()


SLOW_MS = 3500


def how(word):
    """The two words that tells the library what to do: see faults.c."""
    if word == "short":
        return "short 0"
    if word == "kill":
        return "kill 0"
    if word == "slow":
        return f"slow {SLOW_MS}"
    if word.startswith("EAI_"):
        return f"fail {getattr(socket, word)}"
    return f"fail {getattr(errno, word)}"
