"""The kinds of ends of a channel: how each is made, and what it can do and see.

A kind of stdin has a source(), which makes what kith reads and who speaks there; a kind of stdout
has a sink(), what kith writes to and who hears that; one that may be both has a both(). A new kind
is a line in SOURCES, SINKS, BOTH or JOINED, or a small class. What a kind cannot do is a
constant of its class, and the behaviours go by these; what it cannot see is in "unseen", with the
reason."""

import os
import signal
import socket
import subprocess
import termios
import tty

import programs
from programs import (Deaf, FileHearer, FollowedHearer, Hearer, Mute, OutputHearer, Sayer,
                      finish_pipe,
                      finish_socket, finish_terminal)

ROOM = 1 << 16
LINK = "lo"  # the interface that gets a link-local address, in a namespace of our own


class Kind:
    """What holds of most kinds."""

    speaks = True  # it may have something to say
    waits = True  # and says it, and ends, when it is told to
    is_terminal = False  # its input ends with the peer, mostly; and carries text
    takes = True  # what arrives has a place
    hears = True  # and is known
    pauses = True  # who reads there may do so later, and then kith has to wait
    shows_end = True  # the peer's end shows while kith goes on
    closes = True  # who is there may go away before the end, and kith can tell
    is_full = False  # it has no room
    unseen = None  # why a broken channel may look as if it were whole
    needs = None  # what the system has to have

    def __init__(self, name):
        self.name = name

    @staticmethod
    def options(_place):
        """What kith has to be told for it."""
        return []


class File(Kind):
    """A regular file. It says all that it has at once."""

    waits = pauses = shows_end = closes = False
    unseen = "a file does not tell a part from the whole: the exit status does"

    def source(self, place, opening):
        """Its content is what is said."""
        path = place.path("in")
        with open(path, "wb") as file:
            file.write(opening)
        return os.open(path, os.O_RDONLY), Mute(opening)

    def sink(self, place, _paused):
        """What is in it is what was heard."""
        path = place.path("out")
        return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), FileHearer(path)


class Output(Kind):
    """The FILE of -o, as a place for what is heard."""

    speaks = waits = pauses = shows_end = closes = False

    @staticmethod
    def options(place):
        """What kith is told."""
        return ["-o", place.path("output")]

    def sink(self, place, _paused):
        """What is in it, if it is there."""
        return os.open(os.devnull, os.O_WRONLY), OutputHearer(place.path("output"))


class FullOutput(Output):
    """One that must not become as large."""

    is_full = True
    room = 1 << 16
    limit = ("prlimit", f"--fsize={room}")


class Pipe(Kind):
    """As in a shell's pipeline."""

    unseen = "a pipe has no reset: the exit status tells"

    def source(self, _place, opening):
        """Who is at the other end speaks."""
        reading, writing = os.pipe()
        return reading, _speaks(Sayer(writing, finish_pipe), opening)

    def sink(self, _place, paused):
        """Who is at the other end hears."""
        reading, writing = os.pipe()
        return writing, Hearer(reading, paused)


class Terminal(Kind):
    """A pseudo terminal, in which lines are typed. Each byte but ^D is passed as it is."""

    is_terminal = True
    unseen = "a terminal has no reset: the exit status tells"

    @staticmethod
    def _open():
        master, slave = os.openpty()
        tty.setraw(slave)
        mode = termios.tcgetattr(slave)
        mode[3] |= termios.ICANON
        mode[6] = [b"\0"] * len(mode[6])
        mode[6][termios.VEOF] = b"\4"
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        return master, slave

    def source(self, _place, opening):
        """The master types."""
        master, slave = self._open()
        return slave, _speaks(Sayer(master, finish_terminal), opening)

    def sink(self, _place, paused):
        """The master shows."""
        master, slave = self._open()
        return slave, Hearer(master, paused)


class OneTerminal(Terminal):
    """The same as stdin and stdout."""

    shows_end = False

    def both(self, _place, opening, paused):
        """The master does both."""
        master, slave = self._open()
        return slave, _speaks(Sayer(master, finish_terminal), opening), Hearer(master, paused)


class Null(Kind):
    """/dev/null."""

    speaks = waits = hears = pauses = shows_end = closes = False
    unseen = "what it has taken nobody knows"

    def source(self, _place, _opening):
        """It is empty."""
        return os.open(os.devnull, os.O_RDONLY), Mute()

    def sink(self, _place, _paused):
        """It takes everything."""
        return os.open(os.devnull, os.O_WRONLY), Deaf()


class Closed(Null):
    """No descriptor at all."""

    takes = False

    def source(self, _place, _opening):
        """It is empty."""
        return None, Mute()

    def sink(self, _place, _paused):
        """It has no place."""
        return None, Deaf()


class Socket(Kind):
    """A socket, made by us or accepted and connected to by kith."""

    unseen = "a socket that others may use after kith is not reset: the exit status tells"

    def __init__(self, name, host=None, needs=None):
        super().__init__(name)
        self.host, self.needs = host, needs
        self.family = socket.AF_UNIX if host is None else \
            socket.AF_INET6 if ":" in host else socket.AF_INET

    def new(self):
        """One of ours, which holds little of what was not read."""
        sock = socket.socket(self.family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        return sock

    def server(self, place):
        """What kith connects to: a listening socket, and its address as kith takes it."""
        server = self.new()
        server.bind(place.path("target") if self.host is None else address_of(self.host))
        server.listen()
        server.settimeout(programs.LIMIT)
        return server, shown(server.getsockname())

    def local(self, place):
        """Where kith may listen."""
        return place.path("local") if self.host is None else \
            f"[{self.host}]:0" if ":" in self.host else f"{self.host}:0"

    def _pair(self):
        if self.host is None:
            return socket.socketpair()
        with socket.socket(self.family) as server:
            server.bind(address_of(self.host))
            server.listen()
            ours = self.new()
            ours.connect(server.getsockname())
            return ours, server.accept()[0]

    def source(self, _place, opening):
        """Who is at the other end speaks."""
        ours, its = (sock.detach() for sock in self._pair())
        return its, _speaks(Sayer(ours, finish_socket), opening)

    def sink(self, _place, paused):
        """Who is at the other end hears."""
        ours, its = (sock.detach() for sock in self._pair())
        return its, Hearer(ours, paused)

    def both(self, _place, opening, paused):
        """Who is at the other end does both."""
        ours, its = (sock.detach() for sock in self._pair())
        return its, _speaks(Sayer(ours, finish_socket), opening), Hearer(ours, paused)


class Joined(Socket):
    """A socket as LOCAL of forward and TARGET of serve."""

    def __init__(self, name, host=None, needs=None):
        super().__init__(name, host, needs)
        self.unseen = None if host else \
            "Linux tells a UNIX socket of a reset only while a byte of what was said there is held"


class Program(Kind):
    """A program of serve --exec: it says what comes out of one FIFO, and puts into another what it
    hears; and a mark once that has ended."""

    script = """
        exec 3<"$0/from" 4>"$0/to"
        echo $$ >"$0/pid"
        cat <&3 4>&- &
        exec 3<&- >&-
        cat >&4 && : >"$0/mark" && exec 4>&- && wait $!"""

    def command(self, place):
        """What kith runs."""
        return ["sh", "-c", self.script, place.folder]

    def kill(self, place):
        """It dies, with all that it has started."""
        with open(place.path("pid"), encoding="ascii") as file:
            os.killpg(int(file.read()), signal.SIGKILL)

    def both(self, place, opening, paused):
        """The other ends of the FIFOs."""
        os.mkfifo(place.path("from"))
        os.mkfifo(place.path("to"))
        sayer = Sayer(os.open(place.path("from"), os.O_RDWR), finish_pipe)
        hearing = os.open(place.path("to"), os.O_RDONLY | os.O_NONBLOCK)
        return None, _speaks(sayer, opening), FollowedHearer(hearing, paused, place)


class Full(Kind):
    """A place that takes no more at some byte, of stdout."""

    is_full = True
    unseen = "who finds the file sees a part: the exit status tells"
    waits = pauses = closes = shows_end = False
    limit = ()  # a command that starts kith with less room

    def __init__(self, name, path, room=0, needs=None):
        super().__init__(name)
        self.path, self.room, self.needs = path, room, needs
        if path is None:
            self.limit = ("prlimit", f"--fsize={room}")

    def sink(self, place, _paused):
        """What had room is in it."""
        if self.path == "/dev/full":
            return os.open(self.path, os.O_WRONLY), Deaf()
        path = place.path("out") if self.path is None else place.mount(self.room)
        return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), FileHearer(path)


class FullProgram(Program):
    """A program that writes to such a place, and fails: all of it at once, for an output that ends a
    while before is an end."""

    is_full = True
    script = """
        exec 3<"$0/from"
        echo $$ >"$0/pid"
        cat <&3 &
        exec 3<&- >&-
        cat >/dev/full || kill -KILL 0"""

    def both(self, place, opening, paused):
        """Nothing of what it gets is there."""
        _, sayer, hearer = super().both(place, opening, paused)
        os.close(hearer.fd)
        return None, sayer, Deaf()


def _speaks(sayer, opening):
    if opening:
        sayer.say(opening)
    return sayer


def address_of(host, port=0):
    """For bind() and connect()."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]


def shown(name):
    """A socket's own address as kith takes it."""
    if isinstance(name, str):
        return name
    host = socket.getnameinfo(name, socket.NI_NUMERICHOST)[0]
    return f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"


IPV4, IPV6 = "127.0.0.1", "::1"
LINK_LOCAL = f"fe80::1%{LINK}"
TCP = (("TCP", IPV4, None), ("TCP over IPv6", IPV6, "IPv6"),
       ("TCP over link-local IPv6", LINK_LOCAL, "link-local"))
SECRET = "secret.ns"  # the file of a namespace that both have
# By name: where far is, what the system has to have for it, and what both are told.
NETWORKS = {"IPv4": (IPV4, None, ()), "IPv6": (IPV6, "IPv6", ()),
            "link-local": (LINK_LOCAL, "link-local", ()),
            "secret namespace": (IPV4, None, ("--namespace-file", SECRET))}

STANDARD = [File("file"), Pipe("pipe"), Terminal("terminal"), Null("/dev/null"), Closed("closed"),
            *(Socket(*line) for line in TCP), Socket("UNIX")]
BOTH = [OneTerminal("terminal"), *(Socket(*line) for line in TCP), Socket("UNIX")]
JOINED = [*(Joined(*line) for line in TCP), Joined("UNIX")]
OUTPUT = Output("-o")
PROGRAM = Program("program")
FULL = [Full("/dev/full", "/dev/full"), Full("full disk", "disk", 1 << 16, "mounts"),
        Full("file over its limit", None, 1 << 16), FullOutput("-o over its limit")]
FULL_PROGRAM = FullProgram("program with a full disk")


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(address_of(IPV6))
        return True
    except OSError:
        return False


def _has_link_local():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(address_of(LINK_LOCAL))
        return True
    except OSError:
        return False


def _has_mounts():
    os.makedirs("disk", exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "none", "disk"], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        return False
    subprocess.run(["umount", "disk"], check=True)
    return True


# What a kind may need of the system, how to find out, and why it may be missing.
NEEDS = {"IPv6": (_has_ipv6, "no IPv6 here"),
         "link-local": (_has_link_local, "no network namespace of our own here"),
         "mounts": (_has_mounts, "no mounts of our own here")}
