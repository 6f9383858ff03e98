"""Runs a command, and keeps the memory of it and of every process that it starts as it is at the
last moment that it has any: when the process ends, however it ends. With it its arguments and its
environment, as the system shows them.

usage: traced.py FOLDER COMMAND [ARGUMENT...]

The processes are counted from 0 as they begin: what the Nth could write to becomes FOLDER/N.memory.
KITH_PRELOAD is LD_PRELOAD for the command alone. Ends with the status of the command."""

import ctypes
import os
import signal
import sys

import search_memory

CONT, SEIZE, LISTEN = 7, 0x4206, 0x4208
EVENT_EXIT, EVENT_STOP = 6, 128
FORKS, THREADS, EXITS, TOGETHER = 2 | 4, 8, 0x40, 1 << 20
STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
ALL_CHILDREN = 0x40000000

_library = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid, data=0):
    if _library.ptrace(request, pid, ctypes.c_void_p(0), ctypes.c_void_p(data)) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def begin(command, prepare=lambda: None):
    """Start it, traced from its first instruction on; what has to be prepared is so in its process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        prepare()
        if "KITH_PRELOAD" in os.environ:
            os.environ["LD_PRELOAD"] = os.environ["KITH_PRELOAD"]
        os.execvp(command[0], command)
    ptrace(SEIZE, pid, FORKS | THREADS | EXITS | TOGETHER)
    os.close(reading)
    os.close(writing)
    return pid


def is_process(pid):
    """And not a thread of one."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return any(line.split() == ["Tgid:", str(pid)] for line in lines)


class Memories:
    """Where the memory of each process is kept."""

    def __init__(self, folder):
        self.folder = folder
        self.numbers = {}

    def begun(self, pid):
        """Count it, unless it is a thread, or is known already."""
        if pid not in self.numbers and is_process(pid):
            self.numbers[pid] = len(self.numbers)

    def ending(self, pid):
        """Keep it, unless it is a thread."""
        if pid in self.numbers:
            with open(f"{self.folder}/{self.numbers[pid]}.memory", "wb") as kept:
                for part in search_memory.contents(pid, {"wr"}):
                    kept.write(part + b"\0")
                for shown in ("cmdline", "environ"):
                    with open(f"/proc/{pid}/{shown}", "rb") as words:
                        kept.write(words.read() + b"\0")


def go_on(pid, status, memories):
    """Have it go on after it stopped for us, or for a signal."""
    number, event = os.WSTOPSIG(status), status >> 16
    memories.begun(pid)
    if event == EVENT_EXIT:
        memories.ending(pid)
    try:
        if event == EVENT_STOP and number in STOPPING:
            ptrace(LISTEN, pid)
        else:
            ptrace(CONT, pid, 0 if event else number)
    except ProcessLookupError:
        pass  # it was killed meanwhile


def follow(main, memories):
    """Until all have ended. The status of the first one."""
    result = 0
    memories.begun(main)
    while True:
        try:
            pid, status = os.waitpid(-1, ALL_CHILDREN)
        except ChildProcessError:
            return result
        if os.WIFSTOPPED(status):
            go_on(pid, status, memories)
        elif pid == main:
            result = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(follow(begin(sys.argv[2:]), Memories(sys.argv[1])))
