"""Owns the processes that are measured: their start, their readiness, their use of the processor
and of memory, and their end. Whatever was started here is ended here, also after ^C."""

import atexit
import os
import random
import signal
import socket
import subprocess
import threading
import time

PATIENCE = 60  # seconds until something that should have happened has failed
TICK = os.sysconf("SC_CLK_TCK")

_running = []


def _take_priority():
    """In a child: Linux may weigh sessions against each other, so that each has to be told."""
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as autogroup:
            autogroup.write(str(os.nice(0)))
    except OSError:
        pass


class Failed(Exception):
    """A peer did not do what it is measured at."""


class Process:
    """A child in a group of its own, so that what it starts ends with it."""

    def __init__(self, command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        self.command = command
        self.status = None
        self.cpu = 0.0  # seconds, of it and of all its children that have ended
        self.lived = 0.0  # seconds, once it has ended
        self.errors = os.memfd_create("stderr")
        self.said = ""
        self.started = time.monotonic()
        # Without a function to run in the child, Python starts it in a third of the time.
        self.popen = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=self.errors, start_new_session=True,
            preexec_fn=_take_priority if os.nice(0) != 0 else None)
        self.pid = self.popen.pid
        _running.append(self)

    def _reap(self, block):
        if self.status is None:
            pid, status, usage = os.wait4(self.pid, 0 if block else os.WNOHANG)
            if pid != 0:
                self.status = self.popen.returncode = os.waitstatus_to_exitcode(status)
                self.lived = time.monotonic() - self.started
                self.cpu = usage.ru_utime + usage.ru_stime
                _running.remove(self)
        return self.status is not None

    def ended(self):
        return self._reap(block=False)

    def complaint(self):
        text = self.said if self.errors < 0 else self._read_errors()
        return f"{' '.join(self.command[:3])}: status {self.status}: {text[-500:]}"

    def _read_errors(self):
        return os.pread(self.errors, 2000, 0).decode(errors="replace").strip()

    def wait(self, seconds=PATIENCE):
        """Its end by itself, with status 0."""
        timer = alarm(seconds, self.pid)
        self._reap(block=True)
        timer.cancel()
        if self.status != 0:
            raise Failed(self.complaint())
        return self

    def stop(self):
        """Its end by us: first asked, then forced, with all that it has started."""
        if self.status is None:
            _signal(os.kill, self.pid, signal.SIGTERM)
            end = time.monotonic() + 5
            while not self.ended() and time.monotonic() < end:
                time.sleep(0.002)
        _signal(os.killpg, self.pid, signal.SIGKILL)
        self._reap(block=True)
        self.popen.returncode = self.status
        if self.errors >= 0:
            self.said = self._read_errors()
            os.close(self.errors)
            self.errors = -1
        if self.popen.stdin:
            self.popen.stdin.close()
        if self.popen.stdout:
            self.popen.stdout.close()
        return self


def alarm(seconds, pid):
    """Kills pid after so many seconds, unless cancelled."""
    timer = threading.Timer(seconds, _signal, (os.killpg, pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    return timer


def _signal(send, pid, number):
    try:
        send(pid, number)
    except ProcessLookupError:
        pass


def stop_all():
    for process in list(_running):
        process.stop()


def _on_signal(number, _frame):
    raise SystemExit(128 + number)


atexit.register(stop_all)
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _on_signal)


def free_port():
    """Below those that the kernel gives to outgoing connections, so that none of them takes it."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def _sockets(port, state):
    """How many there are with this local port in a state of TCP."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                count += fields[3] == state and fields[1].endswith(f":{port:04X}")
    return count


def _listening(port):
    return _sockets(port, "0A") > 0


def established(port):
    """How many connections there are at a port of ours."""
    return _sockets(port, "01")


def await_listener(process, port):
    """Without connecting: some of them take one connection only."""
    end = time.monotonic() + PATIENCE
    while not _listening(port):
        if process.ended() or time.monotonic() > end:
            raise Failed(process.complaint())
        time.sleep(0.005)


def tree(pid):
    """pid and all its living descendants."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as children:
                    found += map(int, children.read().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def cpu_seconds(pid):
    """What a running process, its children and theirs have used so far."""
    ticks = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def memory_kib(pid):
    """The share of memory of a running process, its children and theirs; none of the kernel's."""
    kib = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/smaps_rollup", encoding="ascii") as lines:
                kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return kib
