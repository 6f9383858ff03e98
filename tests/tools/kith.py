"""The two ends of a kith pipe, run from a test that is in its own directory with the folders
alice and bob in it. Whatever is started here ends with the program, and every wait is bounded."""

import atexit
import os
import select
import signal
import subprocess
import sys

KITH = os.environ["KITH"]
LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))

_started = []


def also_started(process):
    """Have another one end with the program."""
    _started.append(process)


def end_all():
    """Nothing that was started is left."""
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()


atexit.register(end_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def start(who, *arguments, launcher=(), **streams):
    """Run kith with the folder of alice or bob; what is not said of its streams is empty. A
    launcher is a command that runs what stands behind it."""
    for name in ("stdin", "stdout", "stderr"):
        streams.setdefault(name, subprocess.DEVNULL)
    process = subprocess.Popen(
        [*launcher, KITH, *arguments], env={**os.environ, "KITH_DIR": who}, **streams
    )
    _started.append(process)
    return process


def listen(*options, at="127.0.0.1:0", program=(), **streams):
    """Start bob listening on a free port, for a program's words: the process and its (host, port)."""
    reading, writing = os.pipe()
    process = start(
        "bob", "listen", "--ready-fd", str(writing), *options, at,
        *(["--exec", *program] if program else []), pass_fds=[writing], **streams,
    )
    os.close(writing)
    with os.fdopen(reading) as ready:
        if not select.select([ready], [], [], LIMIT)[0]:
            sys.exit("the listener is not ready")
        host, _, port = ready.readline().strip().rpartition(":")
    if not port:
        sys.exit("the listener did not start")
    return process, (host, int(port))


def dial(address, *options, **streams):
    """Start alice dialing bob at (host, port)."""
    return start("alice", "dial", *options, "bob@%s:%d" % address, **streams)


def status(process, limit=LIMIT):
    """Its exit status, or "hangs" for one that had to be killed."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "hangs"


def family(pid):
    """This process and its descendants that have not ended meanwhile: a kith is more than one."""
    found, left = [], [pid]
    while left:
        parent = left.pop(0)
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as children:
                left += map(int, children.read().split())
        except (FileNotFoundError, ProcessLookupError):
            if parent == pid:
                raise
        else:
            found.append(parent)
    return found


def memory_kib(pid, field):
    """One field of /proc/PID/status of the largest of the family of pid, in KiB."""
    return max(_status_field(member, field) for member in family(pid))


def _status_field(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
