"""What another program of the same user can do to the processes of kith: end them, and see that they
are there. Each way to look into them is tried on another program first, where it has to work: so that
what is refused is refused by kith.

usage: neighbour.py SUBJECT     run as root in a directory with alice and bob in it, of USER

Each subject is a function here. Prints what was possible; exits 1 if anything was."""

import codecs
import contextlib
import ctypes
import fcntl
import glob
import os
import resource
import signal
import subprocess
import sys
import termios

import daemons
import kith
from daemons import check, eventually

ATTACH, DETACH, SEIZE = 16, 17, 0x4206
PIDFD_GETFD = 438
USER = 65533  # whom nothing else is running as

_library = ctypes.CDLL(None, use_errno=True)


def _answer(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def attach(pid):
    _answer(_library.ptrace(ATTACH, pid, None, None))
    os.waitpid(pid, 0)
    _answer(_library.ptrace(DETACH, pid, None, None))


def seize(pid):
    _answer(_library.ptrace(SEIZE, pid, None, None))
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, 0x40000000)
    _answer(_library.ptrace(DETACH, pid, None, None))
    os.kill(pid, signal.SIGCONT)


def read_memory(pid):
    with open(f"/proc/{pid}/mem", "rb", 0):
        pass


def write_memory(pid):
    with open(f"/proc/{pid}/mem", "r+b", 0):
        pass


class _Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def read_remote(pid):
    """By process_vm_readv; nothing is there, which is said only to who may look."""
    room = ctypes.create_string_buffer(8)
    here, there = _Piece(ctypes.addressof(room), 8), _Piece(4096, 8)
    if _library.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) < 0:
        if ctypes.get_errno() != 14: # EFAULT
            raise OSError(ctypes.get_errno(), "refused")


def take_descriptor(pid):
    held = os.pidfd_open(pid)
    try:
        os.close(_answer(_library.syscall(PIDFD_GETFD, held, 0, 0)))
    finally:
        os.close(held)


def _file(name):
    def look(pid):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            file.read(1)
    look.__name__ = f"read {name}"
    return look


def list_descriptors(pid):
    os.listdir(f"/proc/{pid}/fd")


def follow_descriptor(pid):
    os.readlink(f"/proc/{pid}/fd/0")


LOOKS = (attach, seize, read_memory, write_memory, read_remote, take_descriptor, list_descriptors,
         follow_descriptor, _file("environ"), _file("maps"), _file("smaps"),
         _file("auxv"), _file("syscall"), _file("stack"), _file("pagemap"), _file("io"))


def become_user():
    codecs.lookup("ascii")  # while Python's own files can be read
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


def usual_program():
    """One that does not mind."""
    child = subprocess.Popen(["sleep", "60"])
    daemons.also_started(child)
    eventually(lambda: _is(child.pid, "sleep"), "it has begun")
    return child


def _is(pid, name):
    with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
        return comm.read() == name + "\n"


def works_here():
    """The looks that work on a program of the same user that does not mind."""
    child = usual_program()
    working = []
    for look in LOOKS:
        with contextlib.suppress(OSError):
            look(child.pid)
            working.append(look)
    child.kill()
    child.wait()
    return working


def waits_for_passphrase():
    """A pubkey that has the private key's file, and waits for what opens it."""
    reading, writing = os.pipe()
    process = kith.start("alice", "pubkey", "--passphrase-file", f"/dev/fd/{reading}", "locked",
                         pass_fds=[reading])
    os.close(reading)
    eventually(lambda: _waits(process.pid), "it waits")
    return process, writing


def _waits(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S" and _is(pid, "kith-of-all")


def has_processes(process, count):
    """So many are there, confined or not: until then some are others."""
    eventually(lambda: len(kith.family(process.pid)) == count, process.args, "has", count,
               "processes, not", len(kith.family(process.pid)))


def waits_at_terminal():
    """A meet with its scribe, whom nobody calls."""
    _ours, its_side = os.openpty()
    process = kith.start("alice", "meet", "--listen", "127.0.0.1:0", stdin=its_side, stderr=its_side,
                         start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(its_side)
    _kept.append(_ours)
    return process


def with_agent():
    """A serve whose key is an agent's, and its keeper in a connection with that."""
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", "agent"], stdout=subprocess.DEVNULL)
    daemons.also_started(agent)
    os.environ["SSH_AUTH_SOCK"] = os.path.abspath("agent")
    eventually(lambda: os.path.exists("agent"), "the agent waits")
    subprocess.run(["ssh-add", "-q", "ssh"], check=True)
    return daemons.serve("127.0.0.1:1", "-i", "agent:", log="agent.err").process


def everybody():
    """One of each command that stays, with all of their processes."""
    target, silent = daemons.Target(), daemons.Target()
    serve = daemons.serve(target.address)
    forward = daemons.forward(serve)
    listener, _ = kith.listen()
    to_file, _ = kith.listen("-o", "file")
    dialer = kith.start("alice", "dial", "--retry", "1m", "bob@127.0.0.1:1")
    checker = kith.start("alice", "check", "-w", "1m", "bob@" + silent.address)
    meet = waits_at_terminal()
    for process, count in ((dialer, 2), (checker, 2), (to_file, 3), (meet, 3)):
        has_processes(process, count)
    pubkey, _pipe = waits_for_passphrase()
    _kept.extend((target, silent, _pipe))
    return {"serve": serve.process, "forward": forward.process, "listen": listener,
            "listen -o": to_file, "dial": dialer, "check": checker, "meet": meet,
            "serve -i agent:": with_agent(), "pubkey": pubkey}


_kept = []


def looks():
    """No way to look into any of its processes works."""
    working = works_here()
    print(len(working), "ways to look into a process were tried:",
          " ".join(look.__name__ for look in working), file=sys.stderr)
    check(len(working) > 8, "hardly any way to look into a process works here:", working)
    for command, process in everybody().items():
        for number, pid in enumerate(kith.family(process.pid)):
            for look in working:
                with contextlib.suppress(OSError):
                    look(pid)
                    check(False, command, "process", number, "let itself be looked into by",
                          look.__name__)


def allow_core(pid):
    """As far as it can be allowed from outside."""
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.prlimit(pid, resource.RLIMIT_CORE)
        resource.prlimit(pid, resource.RLIMIT_CORE, (most, most))


def leaves_core(process):
    process.send_signal(signal.SIGSEGV)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGSEGV
    return os.WCOREDUMP(status) or bool(glob.glob("core*"))


def core():
    """None of its processes leaves one, whatever its limit was or is made to be."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    check(leaves_core(usual_program()), "no program leaves a core file here")
    for file in glob.glob("core*"):
        os.unlink(file)
    for command, process in everybody().items():
        for pid in kith.family(process.pid):
            allow_core(pid)
        for helper in kith.family(process.pid)[:0:-1]:
            with contextlib.suppress(ProcessLookupError): # it ended with another one
                os.kill(helper, signal.SIGSEGV)
        check(process.poll() is not None or not leaves_core(process), command, "left a core file")
        check(not glob.glob("core*"), "a helper of", command, "left a core file")


if __name__ == "__main__":
    become_user()
    daemons.run_subject((looks, core))
