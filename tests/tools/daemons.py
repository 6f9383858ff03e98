"""serve and forward with programs at their ends, run from a test that is in its own directory with
the folders alice and bob in it. bob serves, alice forwards; each has a log of its own."""

import atexit
import contextlib
import ctypes
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import kith

_problems = []


def check(condition, *what):
    """Note a problem, and go on."""
    if not condition:
        _problems.append(" ".join(map(str, what)))


def finish():
    """Show what went wrong; exit 1 if anything did."""
    for problem in _problems[:20]:
        print(problem)
    if len(_problems) > 20:
        print("and", len(_problems) - 20, "more")
    sys.exit(1 if _problems else 0)


def run_subject(subjects):
    """main() of a tool whose first argument names one of these functions."""
    named = {subject.__name__: subject for subject in subjects}
    named[sys.argv[1]](*sys.argv[2:])
    finish()


def eventually(condition, *what, limit=kith.LIMIT):
    """Wait until the condition is true; a problem if it never is."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            check(False, "it never came true:", *what)
            return False
        time.sleep(0.02)
    return True


def is_path(address):
    """Whether an address, as kith writes them, is that of a UNIX socket."""
    return "/" in address


def host_and_port(address):
    """("127.0.0.1", 9000) of "127.0.0.1:9000"."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def also_started(process):
    """A process that ends with this program."""
    atexit.register(_end, process)


def _end(process):
    if process.poll() is None:
        process.kill()
        process.wait()


class Daemon:
    """A kith that runs until it is stopped. Its address is known once it is made."""

    def __init__(self, who, command, options, arguments, log, **streams):
        reading, writing = os.pipe()
        self.log_name = log
        with open(log, "ab") as stderr:
            self.process = kith.start(
                who, command, "--ready-fd", str(writing), *options, *arguments,
                stderr=stderr, pass_fds=[writing], **streams)
        os.close(writing)
        self.pid = self.process.pid
        with os.fdopen(reading) as ready:
            if not select.select([ready], [], [], kith.LIMIT)[0]:
                sys.exit(f"{command} is not ready")
            self.address = ready.readline().strip()
        if not self.address:
            sys.exit(f"{command} did not start: {self.log()}")

    def log(self):
        """What it has said so far."""
        with open(self.log_name, encoding="ascii") as lines:
            return lines.read()

    def logged(self, pattern, count=1, limit=kith.LIMIT):
        """It says this, at least so many times."""
        eventually(lambda: len(re.findall(pattern, self.log())) >= count,
                   f"{self.log_name} says {pattern!r} {count} times; it says: {self.log()}",
                   limit=limit)

    def refused(self, why, count):
        """It says that so many were refused: some by themselves, the others summed up."""
        def told():
            log = self.log()
            return (len(re.findall(r" refused: .*" + why, log)) +
                    sum(int(n) for n in re.findall(why + r" \((\d+)\)", log)))
        eventually(lambda: told() >= count, f"{why!r} {count} times, but: {self.log()}")

    def signal(self, number):
        """Send it a signal."""
        self.process.send_signal(number)

    def suspend(self):
        """Stop it until SIGCONT: it does nothing more, which it may until a signal has arrived."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def stop(self, expected=0):
        """End it, with this status."""
        self.signal(signal.SIGTERM)
        self.ends(expected)

    def ends(self, expected):
        """It ends by itself, with this status."""
        status = kith.status(self.process)
        check(status == expected, self.log_name, "ended with", status, "not", expected)

    def descriptors(self):
        """How many descriptors it has; none where only root may see them."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except PermissionError:
            return 0

    def threads(self):
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def is_idle(self):
        """Whether only its first thread, two that wait, and the one that logs are left, and a
        sanitizer's own."""
        return self.threads() <= (5 if "KITH_SANITIZED" in os.environ else 4)

    def has_again(self, descriptors, threads):
        """It comes back to no more of these than it had."""
        eventually(lambda: self.descriptors() <= descriptors and self.threads() <= threads,
                   f"{self.log_name}: {self.descriptors()} descriptors of {descriptors}, "
                   f"{self.threads()} threads of {threads}")

    def ticks(self):
        """Processor time that it has used, in hundredths of a second."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 100 // os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        """Memory of its own that it has now."""
        return kith.memory_kib(self.pid, "RssAnon")


def serve(target, *options, listen="127.0.0.1:0", log="serve.err", who="bob", **streams):
    """bob serves this target, or the list of words after --exec."""
    arguments = [listen, "--exec", *target] if isinstance(target, list) else [listen, target]
    return Daemon(who, "serve", options, arguments, log, **streams)


def forward(far, *options, local="127.0.0.1:0", log="forward.err", who="alice", **streams):
    """alice forwards to bob, who serves there."""
    return Daemon(who, "forward", options, [local, f"bob@{far.address}"], log, **streams)


def connect(address):
    """A program's connection to an address of either kind."""
    if is_path(address):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(kith.LIMIT)
        sock.connect(address)
        return sock
    return socket.create_connection(host_and_port(address), kith.LIMIT)


def carried(address, said=b"hello"):
    """A program's connection that has had this back. Where the machine is slower than the time that
    a call is given there, another one is tried."""
    end = time.monotonic() + kith.LIMIT
    while time.monotonic() < end:
        sock = connect(address)
        with contextlib.suppress(ConnectionError):
            sock.sendall(said)
            if read_exactly(sock, len(said)) == said:
                return sock
        sock.close()
    sys.exit(f"no connection to {address} is carried")


def takes_calls(address):
    """Whether anybody listens there."""
    with contextlib.suppress(ConnectionRefusedError), connect(address):
        return True
    return False


def reset(sock):
    """Close with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def reset_now(sock):
    """Reset a connection though another thread still reads from it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    unspecified = struct.pack("=H14x", socket.AF_UNSPEC)
    # connect(2): "connecting to an address of AF_UNSPEC" disconnects, at once and with a reset.
    ctypes.CDLL(None).connect(sock.fileno(), unspecified, len(unspecified))


def read_to_end(sock):
    """All that still comes, and whether that was an "end" or a "reset"."""
    data = b""
    try:
        while chunk := sock.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        return data, "reset"
    except TimeoutError:
        return data, "nothing"
    return data, "end"


def read_exactly(sock, size):
    """This many bytes, or fewer if it ends before."""
    data = b""
    while len(data) < size and (chunk := sock.recv(min(size - len(data), 1 << 16))):
        data += chunk
    return data


def check_turned_away(near):
    """Who connects there is reset at once."""
    try:
        outcome = read_to_end(connect(near.address))
    except ConnectionResetError:
        outcome = b"", "reset"
    check(outcome == (b"", "reset"), "not turned away but", outcome)


def free_port():
    """One that nobody has just now; no one is given it who does not ask for it,
    as is one of the system's, once who had it is gone."""
    for port in random.sample(range(10240, 32000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port")


class Target:
    """A service for kith to be joined to, on a free port, this one or at a path. handle, if given,
    is run with each connection in a thread; else accept() gives them."""

    def __init__(self, path=None, handle=None, port=0):
        if path:
            self.server = socket.socket(socket.AF_UNIX)
            self.server.bind(path)
            self.server.listen(1024)
            self.address = path
        else:
            self.server = socket.create_server(("127.0.0.1", port), backlog=1024)
            self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.server.settimeout(None if handle else kith.LIMIT)
        if handle:
            threading.Thread(target=self._serve, args=(handle,), daemon=True).start()

    def _serve(self, handle):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return  # closed
            sock.settimeout(kith.LIMIT)
            threading.Thread(target=_handle, args=(handle, sock), daemon=True).start()

    def accept(self):
        """The next connection."""
        sock, _ = self.server.accept()
        sock.settimeout(kith.LIMIT)
        return sock

    def close(self):
        """Listen no longer."""
        self.server.close()


def _handle(handle, sock):
    with sock:
        try:
            handle(sock)
        except OSError:
            pass  # the tests see it at the other end


def echo(sock):
    """For a target: give everything back as it comes, and the end."""
    while chunk := sock.recv(1 << 16):
        sock.sendall(chunk)
    sock.shutdown(socket.SHUT_WR)


def tell_back(sock):
    """For a target: read all to the end, and only then give it back."""
    data, _ = read_to_end(sock)
    sock.sendall(data)


class Chain:
    """A near program's connection through forward and serve to a target, and all that is between."""

    def __init__(self, local_path=None, target_path=None, serve_options=(), forward_options=()):
        self.target = Target(target_path)
        self.serve = serve(self.target.address, *serve_options)
        self.forward = forward(self.serve, *forward_options, local=local_path or "127.0.0.1:0")

    def connection(self):
        """A new connection: its near and its far end."""
        near = connect(self.forward.address)
        return near, self.target.accept()

    def stop(self):
        """Both end as they should."""
        self.forward.stop()
        self.serve.stop()


def popen_python(code, *arguments):
    """Another process of Python's, which the test can kill."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    also_started(process)
    return process
