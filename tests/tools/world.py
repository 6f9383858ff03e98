"""Runs a command in a world that is not clean.

usage: world.py WORD... COMMAND [ARGUMENT...]

Each WORD is one of these, and the command begins at the first that is none:

  block=SIGNAL       it is blocked, as are all of them with block=ALL
  ignore=SIGNAL      it is ignored
  close=N            descriptor N is closed
  descriptors=N      so many there may be, and no more
  processes=N        so many the user may have: as a user of its own, who is not root
  limit=NAME:N       that limit of getrlimit(2), without RLIMIT_
  refuse=CALL:ERROR  this system call fails, as it does under a supervisor's filter"""

import ctypes
import errno
import os
import platform
import re
import resource
import signal
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, FAIL = 0x7FFF0000, 0x00050000
LOAD_NUMBER, LOAD_FIRST = (0x20, 0, 0, 0), (0x20, 0, 0, 16)  # of the arguments, its lower half
NOBODY = 65534
CALLS = {  # x86_64, aarch64
    "accept": (43, 202),
    "accept4": (288, 242),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "epoll_create1": (291, 20),
    "getsockopt": (55, 209),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "madvise": (28, 233),
    "mlock": (149, 228),
    "pidfd_open": (434, 434),
    "prctl": (157, 167),
    "rseq": (334, 293),
    "setsockopt": (54, 208),
    "statx": (332, 291),
}


def signals(name):
    """The set that a name stands for."""
    return signal.valid_signals() if name == "ALL" else {signal.Signals["SIG" + name]}


def block(name):
    """Block signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals(name))


def ignore(name):
    """Ignore a signal."""
    for number in signals(name):
        signal.signal(number, signal.SIG_IGN)


def close(number):
    """Close a descriptor."""
    os.close(int(number))


def descriptors(number):
    """Limit how many descriptors there may be."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(number), int(number)))


def limit(which):
    """Set a limit."""
    name, _, number = which.partition(":")
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (int(number), int(number)))


def processes(number):
    """Limit how many processes and threads there may be, of a user who is bound by that."""
    nobody = NOBODY + os.getpid()  # of whom nothing else is there, nor is still about to be gone
    os.setgroups([])
    os.setgid(nobody)
    os.setuid(nobody)
    resource.setrlimit(resource.RLIMIT_NPROC, (int(number), int(number)))


def refuse(which):
    """Have a system call fail from here on."""
    name, _, error = which.partition(":")
    is_filter = name == "seccomp"  # which is asked for by prctl
    number = CALLS["prctl" if is_filter else name][platform.machine() == "aarch64"]
    first = [LOAD_FIRST, (0x15, 0, 1, PR_SET_SECCOMP)] if is_filter else []
    code = [LOAD_NUMBER, (0x15, 0, 1 + len(first), number), *first,
            (0x06, 0, 0, FAIL | getattr(errno, error)), (0x06, 0, 0, ALLOW)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code), ctypes.addressof(packed)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        sys.exit("no system call can be refused here: " + os.strerror(ctypes.get_errno()))


def main():
    """Do what the words say, in their order, and become the command."""
    words = sys.argv[1:]
    changes = {change.__name__: change
               for change in (block, ignore, close, descriptors, limit, processes, refuse)}
    while (word := re.fullmatch("([a-z]+)=(.*)", words[0])) and word[1] in changes:
        changes[word[1]](word[2])
        del words[0]
    os.execvp(words[0], words)


if __name__ == "__main__":
    main()
