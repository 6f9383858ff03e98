"""Those that are attacked: listen and serve, by callers; dial and forward, by who answers. Each
says what it says in a log of its own, and is asked afterwards whether it has its places again."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys

import daemons
import kith
import speaker
from daemons import check

TOOLS = os.path.dirname(os.path.abspath(__file__))
GREETING = b"an honest peer"
REVERSE = b"kith\0kept-back/1"  # the namespace of channels on which who is called opens


def connect(address):
    """A connection on which every message goes at once."""
    sock = daemons.connect(address)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def heard_to_end(side, sock):
    """What the peer says, to its end."""
    heard = b""
    while text := side.unseal(speaker.read_frame(sock)):
        heard += text
    return heard


def is_echoed(side, sock, greeting=GREETING):
    """An honest peer's stream, which ends whole: its words come back, each end and each receipt."""
    sock.sendall(side.seal(greeting) + side.seal(b""))
    heard = heard_to_end(side, sock)
    sock.sendall(side.seal(b""))
    receipt = side.unseal(speaker.read_frame(sock))
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    return heard == greeting and receipt == b"" and sock.recv(1) == b""


def check_nobody_has_a_place(daemon, descriptors):
    """Neither by what it says of itself, nor by the descriptors that it has."""
    def totals():
        return [line for line in daemon.log().splitlines() if " totals " in line]

    def nobody():
        before = len(totals())
        daemon.signal(signal.SIGUSR1)
        daemons.eventually(lambda: len(totals()) > before, "SIGUSR1 is answered")
        return "open=0 pending=0" in totals()[-1]

    daemons.eventually(nobody, "all places are free; it says:", daemon.log()[-300:])
    daemons.eventually(lambda: daemon.descriptors() <= descriptors, "it has its descriptors again")


def shake_hands(caller, sock, first=None):
    """Message 1, and the answer to it; whether it is a good one."""
    sock.sendall(first or caller.message_1())
    return caller.take_2(speaker.read_frame(sock))


def check_is_served(sock, people, *after):
    """An honest peer's call, from its hello to an end that is whole."""
    caller = speaker.Dialer(people.alice, people.bob.public)
    good = shake_hands(caller, sock)
    check(good, *after, "and no honest peer is answered")
    if good:
        sock.sendall(caller.message_3())
        check(is_echoed(caller, sock), *after, "and no honest peer is served")


class Serve:
    """serve, whose target says everything back, or does as it is told."""

    command = "serve"
    namespace = b"kith"

    def __init__(self, *options, listen="127.0.0.1:0", log="serve.err", handle=daemons.echo,
                 **streams):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(log)
        self.target = daemons.Target(handle=handle)
        self.daemon = daemons.serve(self.target.address, "-w", "1h", *options, listen=listen,
                                    log=log, **streams)
        self.log = self.daemon.log
        self.descriptors = self.daemon.descriptors()

    def connect(self):
        """A caller."""
        return connect(self.daemon.address)

    def check_honest(self, people, *after):
        """An honest peer is served."""
        with self.connect() as sock:
            check_is_served(sock, people, *after)

    def check_places(self):
        """Nobody has a place."""
        check_nobody_has_a_place(self.daemon, self.descriptors)

    def end(self):
        """It ends in order, and had nothing else to say."""
        self.check_places()
        self.daemon.stop()
        self.target.close()


class ForwardAccept(Serve):
    """forward that is called, for the channels that its programs are to use."""

    command = "forward"
    namespace = REVERSE

    def __init__(self, log="accept.err"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(log)
        self.daemon = daemons.Daemon(
            "bob", "forward", ["-w", "1h", "--accept", "127.0.0.1:0", "--ready-on", "listen"],
            ["127.0.0.1:0", "alice", "127.0.0.1:0", "carol"], log)
        self.log = self.daemon.log
        self.address = re.search(r"(127.0.0.1:\d+): waits for calls", self.log())[1]
        self.descriptors = self.daemon.descriptors()

    def connect(self):
        return connect(self.address)

    def check_honest(self, people, *after):
        """An honest peer is answered, and stays until it leaves."""
        with self.connect() as sock:
            caller = speaker.Dialer(people.alice, people.bob.public, self.namespace)
            check(shake_hands(caller, sock), *after, "and no honest peer is answered")
            sock.sendall(caller.message_3())

    def end(self):
        self.check_places()
        self.daemon.stop()


class ServeAtPath(Serve):
    """The same at a UNIX socket, which a supervisor has opened."""

    def __init__(self, *options, log="path.err", **streams):
        path = os.path.abspath(f"{os.getpid()}.socket")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        launcher = (sys.executable, os.path.join(TOOLS, "listen_fds.py"), path)
        super().__init__(*options, listen="0", log=log, launcher=launcher, **streams)

    def connect(self):
        return connect(os.path.abspath(f"{os.getpid()}.socket"))


class ServeInetd:
    """serve, started anew by a super-server for each caller."""

    namespace = b"kith"

    def __init__(self, log="inetd.err"):
        self.log_name = log
        self.processes = []
        with open(log, "wb"):
            pass

    def log(self):
        """What all of them have said so far."""
        with open(self.log_name, encoding="ascii") as lines:
            return lines.read()

    def connect(self):
        """A caller, and the process for it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(kith.LIMIT)
        with theirs, open(self.log_name, "ab") as stderr:
            self.processes.append(kith.start(
                "bob", "serve", "--inetd", "-w", "1h", "--exec", "cat", stdin=theirs, stdout=theirs,
                stderr=stderr))
        return ours

    def check_honest(self, people, *after):
        """It ended as one that has refused its caller, and an honest one is served by another."""
        check(kith.status(self.processes.pop()) in (5, 6), *after, "and it ended with another status")
        with self.connect() as sock:
            check_is_served(sock, people, *after)
        check(kith.status(self.processes.pop()) == 0, *after, "and an honest peer's is not whole")

    def end(self):
        """Nothing is left of it."""


class Listen:
    """listen, which waits on for its guest."""

    command = "listen"
    namespace = b"kith"

    def __init__(self, *options, log="listen.err", **streams):
        self.log_name = log
        with open(log, "wb") as stderr:
            self.process, self.address = kith.listen("-w", "1h", *options, stderr=stderr, **streams)
        self.descriptors = self._descriptors()

    def _descriptors(self):
        with contextlib.suppress(PermissionError):
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        return 0

    def log(self):
        """What it has said so far."""
        with open(self.log_name, encoding="ascii") as lines:
            return lines.read()

    def connect(self):
        """A caller."""
        return connect("%s:%d" % self.address)

    def check_honest(self, people, *after):
        """An honest peer is answered; it only looks whether we are there."""
        with self.connect() as sock:
            caller = speaker.Dialer(people.alice, people.bob.public)
            check(shake_hands(caller, sock), *after, "and no honest peer is answered")

    def check_places(self):
        """Nobody has a place."""
        daemons.eventually(lambda: self._descriptors() <= self.descriptors,
                           "listen has its descriptors again")

    def end(self):
        """The guest comes at last."""
        self.check_places()
        check(kith.status(kith.dial(self.address)) == 0, "the guest is not let in")
        check(kith.status(self.process) == 0, "listen ended with", self.process.returncode)


def refusals(log):
    """Of each caller that was turned away, the port and the reason."""
    found = {}
    for line in log.splitlines():
        if match := re.search(r"[ :](\d+): refused: (.*)", line):
            found[int(match[1])] = match[2]
    return found


class FalseBob:
    """Where bob is called, and somebody else answers, if not he himself."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._server.settimeout(kith.LIMIT)
        self.address = self._server.getsockname()

    def take_hello(self):
        """The next call: its socket, and the hello."""
        sock, _ = self._server.accept()
        sock.settimeout(kith.LIMIT)
        return sock, speaker.read_frame(sock)

    def take_call(self, people):
        """The next call: its socket, and bob's side of the handshake."""
        sock, hello = self.take_hello()
        return sock, speaker.Listener(people.bob, hello)

    def close(self):
        """Nobody is called any longer."""
        self._server.close()


class Dial:
    """One dial after another, each to a false bob of its own."""

    command = "dial"

    def __init__(self, *options):
        self.options = ("-w", "1h", *options)

    def start(self, address):
        """One that calls there."""
        return kith.start("alice", self.command, *self.options, "bob@%s:%d" % address,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def be_called(self, people, act, name, reason, status):
        """A call in which act(sock, listener) is how it is answered."""
        false_bob = FalseBob()
        process = self.start(false_bob.address)
        sock, listener = false_bob.take_call(people)
        with sock:
            act(sock, listener)
        ended = kith.status(process)
        out, said = process.stdout.read(), process.stderr.read().decode("ascii")
        check(ended == status, name, "made", self.command, "end with", ended)
        check(out == b"", name, "made", self.command, "write something")
        check(said.count("\n") == 1 and re.search(f": ({reason})", said), name, "is told as:", said)
        false_bob.close()

    def end(self):
        """Nothing is left of it."""


class Check(Dial):
    """The same of check."""

    command = "check"


class ServeCall:
    """serve that calls, each to a false bob of its own, who is honest when he is called again."""

    def be_called(self, people, act, name, reason, _status):
        """The same for a target's side: the call is told of, and the next is taken."""
        false_bob = FalseBob()
        log = f"call.{false_bob.address[1]}.err"
        daemon = daemons.Daemon(
            "alice", "serve", ["-w", "1h", "--spare", "1", "--ready-on", "listen", "--call",
                               "bob@%s:%d" % false_bob.address], ["127.0.0.1:1"], log)
        sock, listener = self._take_call(false_bob, people)
        with sock:
            act(sock, listener)
        sock, listener = self._take_call(false_bob, people)
        with sock:
            sock.sendall(speaker.frame(listener.answer()))
            check(listener.takes_3(speaker.read_frame(sock)), name, "and bob is not called in order")
        told = re.findall(r" bob \(\S+ at .*", daemon.log())
        check(told and re.search(f": ({reason})", told[0]), name, "is told as:", told)
        daemon.stop()
        false_bob.close()

    @staticmethod
    def _take_call(false_bob, people):
        sock, hello = false_bob.take_hello()
        return sock, speaker.Listener(people.bob, hello, namespace=REVERSE)

    def end(self):
        """Nothing is left of it."""


class Forward:
    """forward, which goes on after each."""

    def __init__(self, *options, log="forward.err"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(log)
        self.false_bob = FalseBob()
        self.daemon = daemons.Daemon("alice", "forward", ("-w", "1h", *options), [
            "127.0.0.1:0", "bob@%s:%d" % self.false_bob.address], log)
        self.descriptors = self.daemon.descriptors()

    def told(self):
        """What it has said of calls that failed."""
        return [line for line in self.daemon.log().splitlines()
                if " bob (" in line and not re.search(": (whole|each connection) ", line)]

    def be_called(self, people, act, name, reason, _status):
        """The same for a local connection, which has to be reset; then an honest bob answers."""
        before = len(self.told())
        with daemons.connect(self.daemon.address) as local:
            sock, listener = self.false_bob.take_call(people)
            with sock:
                act(sock, listener)
            check(daemons.read_to_end(local) == (b"", "reset"), name, "did not reset who is local")
        daemons.eventually(lambda: len(self.told()) > before, "the log tells of", name)
        said = self.told()[-1]
        check(re.search(f": ({reason})", said), name, "is told as:", said)
        self.check_honest(people, name)

    def check_honest(self, people, *after):
        """bob himself answers, and what is said to him comes back."""
        with daemons.connect(self.daemon.address) as local:
            sock, listener = self.false_bob.take_call(people)
            with sock:
                sock.sendall(speaker.frame(listener.answer()))
                good = listener.takes_3(speaker.read_frame(sock))
                check(good, *after, "and bob is not called in order")
                local.sendall(GREETING)
                local.shutdown(socket.SHUT_WR)
                good = good and heard_to_end(listener, sock) == GREETING
                check(good, *after, "and bob hears it not")
                sock.sendall(listener.seal(GREETING) + listener.seal(b"") + listener.seal(b""))
                good = daemons.read_to_end(local) == (GREETING, "end")
                check(good, *after, "and bob is not heard")

    def end(self):
        """All places are free, and it ends in order."""
        check_nobody_has_a_place(self.daemon, self.descriptors)
        self.daemon.stop()
