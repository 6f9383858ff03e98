"""kith where something outside takes nothing, says nothing, or never ends.

usage: stall.py SUBJECT [ARGUMENT...]     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import contextlib
import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import daemons
import kith
from daemons import check

GARBAGE = b"\xff\xff\xff\xff" + bytes(64)
STRANGERS = 120


def _fill(descriptor):
    """Fill a pipe to the last byte, without changing the mode of what was given."""
    own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(own, bytes(size))
    os.close(own)


class FullPipe:
    """A pipe that takes nothing more, until it is read."""

    def __init__(self):
        self.reading, self.writing = os.pipe()
        self.mode = fcntl.fcntl(self.writing, fcntl.F_GETFL)
        _fill(self.writing)

    def mode_is_kept(self):
        """Whether it still is in the mode that it was given in."""
        return fcntl.fcntl(self.writing, fcntl.F_GETFL) == self.mode

    def empty(self):
        """Read all that is in it: what was said, without what it was filled with."""
        said = b""
        while select.select([self.reading], [], [], 0)[0]:
            said += os.read(self.reading, 1 << 16)
        return said.strip(b"\0").decode("ascii")

    def comes_to_say(self, pattern):
        """What it said until this was among it."""
        said = ""
        end = time.monotonic() + kith.LIMIT
        while not re.search(pattern, said):
            if not select.select([self.reading], [], [], max(0, end - time.monotonic()))[0]:
                check(False, f"it never said {pattern!r}, but {said!r}")
                break
            said += self.empty()
        return said


def _start(who, command, *arguments, **streams):
    """A kith that says where it is: its process and its address."""
    reading, writing = os.pipe()
    process = kith.start(who, command, "--ready-fd", str(writing), *arguments,
                         pass_fds=[writing, *streams.pop("pass_fds", ())], **streams)
    os.close(writing)
    with os.fdopen(reading) as ready:
        if not select.select([ready], [], [], kith.LIMIT)[0]:
            sys.exit(f"{command} is not ready")
        return process, ready.readline().strip()


def _ends(process, expected, what):
    status = kith.status(process)
    check(status == expected, what, "ended with", status, "not", expected)


def _calls(address, **streams):
    """The status of a call of alice's that says a word, and what comes back."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as heard:
        said.write(b"hello")
        said.seek(0)
        status = kith.status(kith.dial(daemons.host_and_port(address), stdin=said, stdout=heard,
                                       **streams))
        heard.seek(0)
        return status, heard.read()


def _garbage(address, count=STRANGERS):
    """Strangers, of whom each is worth a line."""
    for _ in range(count):
        with daemons.connect(address) as stranger:
            with contextlib.suppress(ConnectionError):
                stranger.sendall(GARBAGE)
            daemons.read_to_end(stranger)


def stderr_of_serve():
    """Nobody reads its stderr: callers are served, SIGTERM ends it, and the count is said later."""
    log = FullPipe()
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat", stderr=log.writing)
    _garbage(address)
    for _ in range(5):
        check(_calls(address) == (0, b"hello"), "an honest call is held up")
    server.send_signal(signal.SIGUSR1)
    check(log.mode_is_kept(), "the mode of stderr, which others share, was changed")
    said = log.empty()
    server.send_signal(signal.SIGUSR1)
    said += log.comes_to_say("totals")
    lost = re.search("([0-9]+) lines? .*lost", said)
    check(lost and int(lost[1]) >= 5, f"it does not say how many lines were lost, but {said!r}")
    _fill(log.writing)
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")


def stderr_of_forward():
    """The same for forward, whose peer is not there."""
    log = FullPipe()
    near, address = _start("alice", "forward", "--ready-on", "listen", "127.0.0.1:0",
                           "bob@127.0.0.1:1", stderr=log.writing)
    for _ in range(20):
        daemons.check_turned_away(type("Near", (), {"address": address}))
    near.send_signal(signal.SIGTERM)
    _ends(near, 0, "forward")


def stderr_of_listen():
    """The same for listen: strangers whom it cannot complain about do not hold it up."""
    log = FullPipe()
    with tempfile.TemporaryFile() as heard:
        listener, address = _start("bob", "listen", "-v", "127.0.0.1:0", stdout=heard,
                                   stderr=log.writing)
        _garbage(address, 20)
        check(_calls(address)[0] == 0, "an honest call is held up")
        _ends(listener, 0, "listen")
        heard.seek(0)
        check(heard.read() == b"hello", "what was said is lost")
    check(log.mode_is_kept(), "the mode of stderr, which others share, was changed")


def stderr_of_dial():
    """dial, with its channel and without one, ends with its status; its last word may wait a bit."""
    log = FullPipe()
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat")
    check(_calls(address, stderr=log.writing) == (0, b"hello"), "a call is held up")
    for options in (("-v",), ("--progress",)):
        status = kith.status(kith.dial(daemons.host_and_port(address), *options,
                                       stderr=log.writing))
        check(status == 0, "a call with", *options, "is held up:", status)
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")
    check(_calls(address, stderr=log.writing)[0] == 4, "its failure is held up")
    check(log.mode_is_kept(), "the mode of stderr, which others share, was changed")
    last = kith.dial(daemons.host_and_port(address), stderr=log.writing)
    daemons.eventually(lambda: "write" in _waits_in(last) or "poll" in _waits_in(last) or
                       last.poll() is not None, "it comes to its last word")
    log.comes_to_say("cannot be reached")
    _ends(last, 4, "dial")


def _waits_in(process):
    try:
        with open(f"/proc/{process.pid}/wchan", encoding="ascii") as name:
            return name.read()
    except OSError:
        return ""


def terminal_stopped():
    """A terminal that was stopped (^S) is such a stderr, too."""
    master, slave = os.openpty()
    check(os.isatty(slave), "no terminal")
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat", stderr=slave)
    os.write(master, b"\x13")
    _garbage(address)
    check(_calls(address) == (0, b"hello"), "an honest call is held up")
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")


def socket_as_stderr():
    """And so is a socket, as a journal has."""
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat", stderr=near)
    _garbage(address)
    check(_calls(address) == (0, b"hello"), "an honest call is held up")
    check(fcntl.fcntl(near, fcntl.F_GETFL) & os.O_NONBLOCK == 0, "its mode was changed")
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")
    far.close()


class Supervisor:
    """A NOTIFY_SOCKET whose queue is full."""

    def __init__(self):
        path = os.path.abspath("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(kith.LIMIT)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"X=1", path)
        os.environ["NOTIFY_SOCKET"] = path

    def hears(self, word):
        """It is told this, whatever else comes before."""
        with contextlib.suppress(TimeoutError):
            while word not in self.socket.recv(4096):
                pass
            return
        check(False, "the supervisor was never told", word)


def notify_socket():
    """A supervisor that takes no message now: all goes on, and it is told once it does."""
    supervisor = Supervisor()
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat")
    check(_calls(address) == (0, b"hello"), "a call is held up")
    supervisor.hears(b"READY=1")
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")
    supervisor = os.unlink("notify") or Supervisor()
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat")
    for _ in range(2):
        server.send_signal(signal.SIGUSR1)
        server.send_signal(signal.SIGHUP)
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")


def ready_fd():
    """A --ready-fd that nobody reads is given up in time, by daemons and by pipes."""
    full = FullPipe()
    log = tempfile.TemporaryFile()
    server = kith.start("bob", "serve", "--ready-fd", str(full.writing), "127.0.0.1:0", "--exec",
                        "cat", stderr=log, pass_fds=[full.writing])

    def said():
        log.seek(0)
        return log.read()

    daemons.eventually(lambda: b"ready-fd" in said(), "it says that nobody reads there")
    server.send_signal(signal.SIGTERM)
    _ends(server, 0, "serve")
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat")
    check(_calls(address, pass_fds=[full.writing]) == (0, b"hello"), "a call fails")
    dialer = kith.dial(daemons.host_and_port(address), "--ready-fd", str(full.writing),
                       pass_fds=[full.writing])
    _ends(dialer, 0, "dial")
    check(full.mode_is_kept(), "its mode, which others share, was changed")


def fifo_as_peers(*confined):
    """A FIFO, with a writer or without, in the place of the peers file at SIGHUP."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address if confined else ["cat"])
    near = daemons.forward(far)
    os.remove("bob/peers")
    os.remove("alice/peers")
    os.mkfifo("bob/peers")
    os.mkfifo("alice/peers")
    writers = []
    for number in (1, 2):
        for end, says in ((far, "the peers stay as they were"), (near, "the peer stays as it was")):
            end.signal(signal.SIGHUP)
            end.logged(says, number)
            end.logged("not a regular file", number)
        with daemons.connect(near.address) as sock:
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "who is known is let in no longer")
        writers += [os.open(f"{who}/peers", os.O_RDWR) for who in ("alice", "bob")]
    near.stop()
    far.stop()


def _keeper_of(pid):
    return kith.family(pid)[1]


def keeper_stopped(command):
    """Who holds the key was stopped: calls fail in time, a reload too, SIGTERM ends all; and once
    it goes on, calls are served again."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "-w", "3s")
    near = daemons.forward(far, "-w", "3s", "--plain")
    end = far if command == "serve" else near
    keeper = _keeper_of(end.pid)
    os.kill(keeper, signal.SIGSTOP)
    with contextlib.suppress(ConnectionError):
        with daemons.connect(near.address) as sock:
            check(daemons.read_to_end(sock)[1] != "nothing", "a call is never refused")
    end.signal(signal.SIGHUP)
    end.logged("as (they were|it was)")
    os.kill(keeper, signal.SIGCONT)
    daemons.carried(near.address).close()
    daemons.eventually(lambda: " whole " in end.log(), "the channel ends")
    os.kill(keeper, signal.SIGSTOP)
    try:
        end.signal(signal.SIGTERM)
        end.ends(0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)


def keeper_stopped_listen():
    """The same for listen, which is ended by a signal at any time."""
    listener, address = kith.listen("-w", "3s")
    keeper = _keeper_of(listener.pid)
    os.kill(keeper, signal.SIGSTOP)
    try:
        dialer = kith.dial(address, "-w", "20s")
        check(kith.status(dialer) in (5, 7), "the call ended with", dialer.returncode)
        check(listener.poll() is None, "it no longer waits")
        os.kill(keeper, signal.SIGCONT)
        daemons.eventually(lambda: kith.status(kith.dial(address)) == 0,
                           "a call is served once it goes on")
        _ends(listener, 0, "listen")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)


def launcher_stopped():
    """Who starts the programs was stopped: whoever had one leaves, and after a while its place is
    another's, who is joined to something else."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.Daemon("bob", "serve", ["--max-connections", "2"],
                         ["127.0.0.1:0", target.address, "x=exec:cat"], "serve.err")
    callers = [kith.start("alice", "dial", f"bob@{far.address}:x", stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) for _ in range(2)]
    for caller in callers:
        caller.stdin.write(b"x")
        caller.stdin.flush()
        check(caller.stdout.read(1) == b"x", "no program answers")
    launcher = next(pid for pid in kith.family(far.pid)[1:] if len(kith.family(pid)) > 2)
    os.kill(launcher, signal.SIGSTOP)
    for caller in callers:
        caller.kill()
        caller.wait()
    daemons.eventually(lambda: _calls(far.address) == (0, b"hello"), "a place is free again")
    os.kill(launcher, signal.SIGCONT)
    daemons.eventually(lambda: len(kith.family(launcher)) == 1, "the programs are ended")
    far.stop()


class Running:
    """A forward with a program that counts SIGUSR1 and says when it is asked to end, with the
    runner, its parent, stopped."""

    def __init__(self, far, *options):
        self.near = kith.start(
            "alice", "forward", "-q", *options, "127.0.0.1:0", f"bob@{far.address}", "--run", "bash",
            "-c", "trap 'echo asked >asked; exit 5' TERM; trap : USR1; echo $$ $PPID $KITH_FORWARD_1 >it; mv it up; "
            "while :; do sleep 0.05; done")
        daemons.eventually(lambda: os.path.exists("up"), "the program runs")
        with open("up", encoding="ascii") as numbers:
            program, runner, self.address = numbers.read().split()
        self.program, self.runner = int(program), int(runner)
        os.remove("up")
        os.kill(self.runner, signal.SIGSTOP)

    def go_on(self):
        """The runner does: the program is gone then."""
        os.kill(self.runner, signal.SIGCONT)
        daemons.eventually(lambda: not os.path.exists(f"/proc/{self.program}"), "the program ends")
        daemons.eventually(lambda: not os.path.exists(f"/proc/{self.runner}"), "the runner ends")


def runner_stopped():
    """Who starts the program of --run was stopped: SIGTERM ends forward all the same, a second one
    though a channel is open, be the program there or dead; it is ended once the runner goes on."""
    far = daemons.serve(["cat"])
    there, dead = (Running(far, "--drain-timeout", "5m") for _ in range(2))
    os.kill(dead.program, signal.SIGKILL)
    there.near.send_signal(signal.SIGTERM)
    dead.near.send_signal(signal.SIGINT)
    for running in (there, dead):
        _ends(running.near, -signal.SIGTERM, "forward")
        running.go_on()
    check(any(_ends_at_second(far) for _ in range(3)), "a second SIGTERM does not end it")
    far.stop()


def _ends_at_second(far):
    """Whether it ends with a channel that is open, and a second SIGTERM before the runner has taken the
    first. Both are one where the machine stands still between them: then it is to be tried again."""
    busy = Running(far, "--drain-timeout", "5m")
    with daemons.connect(busy.address) as held:
        held.sendall(b"hello")
        check(daemons.read_exactly(held, 5) == b"hello", "no channel")
        for _ in range(2):
            busy.near.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        status = kith.status(busy.near, 15)
    busy.go_on()
    return status == -signal.SIGTERM


def runner_stopped_before():
    """The same of one that is stopped before it has started the program, which so never begins."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    os.kill(far.pid, signal.SIGSTOP)
    reading, writing = os.pipe()
    near = kith.start("alice", "forward", "-q", "--ready-fd", str(writing), "127.0.0.1:0",
                      f"bob@{far.address}", "--run", "touch", "begun", pass_fds=[writing])
    daemons.eventually(lambda: len(kith.family(near.pid)) > 3, "all helpers are there")
    runner = kith.family(near.pid)[2]
    os.kill(runner, signal.SIGSTOP)
    os.kill(far.pid, signal.SIGCONT)
    check(os.read(reading, 1), "the forward is not ready")
    time.sleep(0.1)  # and has asked for the program then
    near.send_signal(signal.SIGTERM)
    _ends(near, -signal.SIGTERM, "forward")
    os.kill(runner, signal.SIGCONT)
    daemons.eventually(lambda: not os.path.exists(f"/proc/{runner}"), "the runner ends")
    check(not os.path.exists("begun"), "the program was started")
    far.stop()


def runner_flooded():
    """A runner that was stopped, and more signals meanwhile than a line takes: the last one, which
    is SIGTERM, reaches the program once the runner goes on."""
    far = daemons.serve(["cat"])
    running = Running(far)
    for _ in range(3000):
        running.near.send_signal(signal.SIGUSR1)
        time.sleep(0.0003)
    running.near.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    running.go_on()
    check(os.path.exists("asked"), "the program was not asked to end")
    _ends(running.near, 5, "forward")
    far.stop()


def slow_start(delaying):
    """A program that takes long to be started holds up neither another caller nor SIGTERM."""
    os.environ["LD_PRELOAD"] = delaying
    server, address = _start("bob", "serve", "127.0.0.1:0", "--exec", "cat")
    del os.environ["LD_PRELOAD"]
    first = kith.dial(daemons.host_and_port(address), "--recv-only")
    daemons.eventually(lambda: os.path.exists("starting"), "a program is being started")
    check(kith.status(kith.start("alice", "check", "bob@" + address)) == 0, "a check failed")
    server.send_signal(signal.SIGUSR1)
    check(not os.path.exists("started"), "who calls meanwhile is held up until it is")
    server.send_signal(signal.SIGTERM)
    daemons.eventually(lambda: not daemons.takes_calls(address), "the first is heeded")
    server.send_signal(signal.SIGTERM)
    _ends(server, -signal.SIGTERM, "serve")
    check(not os.path.exists("started"), "SIGTERM is held up until it is")
    check(kith.status(first) == 8, "its caller ended with", first.returncode)


def file_hangs(delaying):
    """A peers file that hangs, for ever, once it is read again: the peers stay as they were, calls
    are heard, and one SIGTERM ends it."""
    os.environ["LD_PRELOAD"] = delaying
    far = daemons.serve(["cat"])
    del os.environ["LD_PRELOAD"]
    open("hang", "wb").close()
    for number in (1, 2):
        far.signal(signal.SIGHUP)
        caller = kith.start("alice", "check", "bob@" + far.address)
        check(kith.status(caller) == 0, "a call fails")
        far.logged("not read in time", number)
        far.logged("the peers stay as they were", number)
    far.stop()


def _served_with_log(delaying, *options):
    """A serve with a file as stderr, that hangs once there is a file "hang-write", one who calls
    there, and a channel that is open."""
    os.environ["LD_PRELOAD"] = delaying
    far = daemons.serve(["cat"], *options)
    del os.environ["LD_PRELOAD"]
    near = daemons.forward(far)
    held = daemons.connect(near.address)
    held.sendall(b"hello")
    check(daemons.read_exactly(held, 5) == b"hello", "no channel")
    open("hang-write", "wb").close()
    return far, near, held


def log_hangs_in_report(delaying):
    """A write to stderr that does not come back, while all channels are told of: calls are
    served, and a second SIGTERM ends it."""
    far, near, _ = _served_with_log(delaying)
    far.signal(signal.SIGUSR1)
    far.logged("it hangs")
    with daemons.connect(near.address) as sock:
        sock.settimeout(kith.LIMIT / 4)
        sock.sendall(b"hello")
        with contextlib.suppress(TimeoutError):
            check(daemons.read_exactly(sock, 5) == b"hello", "a call is refused")
            sock = None
        check(sock is None, "a call is held up")
    far.signal(signal.SIGTERM)
    time.sleep(0.1)  # two at once are one
    far.signal(signal.SIGTERM)
    far.ends(-signal.SIGTERM)


def log_hangs_in_refusal(delaying):
    """The same of who takes calls: SIGTERM drains all the same."""
    far, _, held = _served_with_log(delaying, "--max-connections", "1")
    refused = daemons.connect(far.address)
    far.logged("it hangs")
    far.signal(signal.SIGTERM)
    held.shutdown(socket.SHUT_WR)
    check(daemons.read_to_end(held) == (b"", "end"), "a channel is not waited for")
    far.ends(0)
    refused.close()


if __name__ == "__main__":
    daemons.run_subject([
        stderr_of_serve, stderr_of_forward, stderr_of_listen, stderr_of_dial, terminal_stopped,
        socket_as_stderr, notify_socket, ready_fd, fifo_as_peers, keeper_stopped,
        keeper_stopped_listen, launcher_stopped, runner_stopped, runner_stopped_before, runner_flooded, slow_start, file_hangs,
        log_hangs_in_report, log_hangs_in_refusal])
