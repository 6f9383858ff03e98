"""The two sides of a channel: a command of kith with a kind of end, what it is told, and how it says
that the channel has ended."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading

import inetd
import kith
import programs
from ends import address_of, shown

# How a channel ends, in one word, by the exit status of a pipe and the log of a daemon.
BY_STATUS = {0: "whole", 1: "local", 5: "refused", 7: "deadline", 8: "broken",
             -signal.SIGTERM: "signal", -signal.SIGHUP: "signal", -signal.SIGKILL: "killed"}
BY_LOG = (("whole", "whole"), ("broke off|took no more|program failed", "local"),
          ("nothing moved", "deadline"),
          ("cut short|no longer in the peers file|longer than allowed", "broken"))


class End:
    """What a side is to be: a command, and the kinds of its stdin and stdout, or one kind that is
    both."""

    def __init__(self, command, source, sink=None):
        self.command, self.source, self.sink = command, source, sink or source
        self.is_one = sink is None
        self.is_daemon = issubclass(COMMANDS[command], Daemon)

    def __str__(self):
        kinds = self.sink.name if self.is_one else f"{self.source.name} to {self.sink.name}"
        return f"{self.command} {kinds}"

    def speaks_to(self, other):
        """Whether it may say something."""
        return self.source.speaks and other.sink.takes

    def outlasts(self, peer_speaks):
        """Whether its input goes on when the peer has ended."""
        waits = self.command in ("dial", DIAL_TARGET) or self.sink.is_terminal
        return not self.source.is_terminal or (waits and not peer_speaks)


class Side:
    """What all of them have."""

    who = "bob"
    is_joined_to = False  # as a target, by somebody who is there before
    takes_more = True  # once its first caller is gone

    def __init__(self, role, folder, options, end):
        self.role, self.folder, self.end = role, folder, end
        self.options = [*options, "-a", self.path("peers")]
        os.mkdir(folder)
        shutil.copy(f"{self.who}/peers", folder)
        self._mounted = []
        self.process = self.address = self.sayer = self.hearer = None
        self.paused = False
        self.log_name = self.path("log")

    def path(self, name):
        """A file of its own."""
        return os.path.join(self.folder, name)

    def mount(self, room):
        """A file on a disk of this size."""
        disk = self.path("disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", disk], check=True)
        self._mounted.append(disk)
        return os.path.join(disk, "out")

    def run(self, *words, **streams):
        """Start kith."""
        with open(self.log_name, "ab") as log:
            self.process = kith.start(self.who, words[0], *self.options, *words[1:], stderr=log,
                                      **streams)

    def run_at(self, *words, **streams):
        """Start it, and wait until it listens. Its address is known after."""
        reading, writing = os.pipe()
        self.run(words[0], "--ready-fd", str(writing), *words[1:], pass_fds=[writing], **streams)
        os.close(writing)
        with os.fdopen(reading) as ready:
            if select.select([ready], [], [], kith.LIMIT)[0]:
                self.address = ready.readline().strip()
        if not self.address:
            raise AssertionError("it does not listen: " + self.log())

    def log(self):
        """What it has said so far."""
        with open(self.log_name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def logged(self, pattern):
        """Whether it comes to say this."""
        return programs.eventually(lambda: re.search(pattern, self.log()))

    def speak(self):
        """The program at its end begins."""
        self.sayer.start()
        self.hearer.start()

    @staticmethod
    def leave(*parts):
        """The program at its end closes these, at once and with what is unread."""
        fds = set()
        for part in filter(None, parts):
            part.stop()
            fds.add(part.fd)
            part.fd = None
        for fd in fds - {None}:
            os.close(fd)

    def goes_away(self):
        """The program at its end does."""
        if self.end.is_one:
            self.leave(self.sayer, self.hearer)
        else:
            self.leave(self.hearer)

    def signal(self, number):
        """Send one."""
        self.process.send_signal(number)

    def close(self):
        """Leave nothing behind."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.leave(self.sayer, self.hearer)
        for disk in self._mounted:
            subprocess.run(["umount", "--lazy", disk], check=False)  # a helper may still be ending


class Pipe(Side):
    """listen or dial: the kinds of its stdin and stdout, or one that is both."""

    _fds = None

    def prepare(self, opening):
        """Make its ends."""
        if self.end.is_one:
            fd, self.sayer, self.hearer = self.end.sink.both(self, opening, self.paused)
            self._fds = (fd, fd)
        else:
            stdin, self.sayer = self.end.source.source(self, opening)
            stdout, self.hearer = self.end.sink.sink(self, self.paused)
            self.options += self.end.sink.options(self)
            self._fds = (stdin, stdout)
        if isinstance(self.hearer, programs.FileHearer):
            self.hearer.is_over = lambda: self.process and self.process.poll() is not None

    def pipe(self, run, *words, **streams):
        """Run it there."""
        stdin, stdout = self._fds
        closed = ("<&- " if stdin is None else "") + (">&-" if stdout is None else "")
        launcher = [*getattr(self.end.sink, "limit", ())]
        if closed:
            launcher = [*launcher, "sh", "-c", f'exec "$@" {closed}', "sh"]
        run(*words, launcher=launcher, stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL if stdout is None else stdout, **streams)
        for fd in set(self._fds) - {None}:
            os.close(fd)
        self.speak()

    def outcome(self):
        """How its channel has ended."""
        status = kith.status(self.process)
        return BY_STATUS.get(status, f"status {status}")

    def stops(self):
        """It has ended, or does so when it is told to."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return kith.status(self.process) != "hangs"


class Listen(Pipe):
    """bob listens."""

    def start(self, host):
        """Wait for alice."""
        self.pipe(self.run_at, "listen", at(host))

    def is_up(self):
        """Whether it comes to have a channel, as it says with -v."""
        return self.logged("connected")

    def join(self):
        """All that there is, is here."""


class Dial(Pipe):
    """alice dials."""

    who = "alice"
    name = ""  # of the target
    _up_fd = None

    def start(self, far):
        """Call bob."""
        self._up_fd, writing = os.pipe()
        self.options += ["--ready-fd", str(writing)]
        self.pipe(self.run, "dial", f"bob@{far}{self.name}", pass_fds=[writing])
        os.close(writing)

    def is_up(self):
        """Whether it comes to have a channel."""
        return select.select([self._up_fd], [], [], kith.LIMIT)[0] and os.read(self._up_fd, 1)

    def close(self):
        """Nor is anybody told that it is up."""
        super().close()
        if self._up_fd is not None:
            os.close(self._up_fd)

    def join(self):
        """All that there is, is here."""


class DialTarget(Dial):
    """alice dials for a target by its name."""

    name = ":name"


class PipeProgram(Pipe):
    """One of them with a program."""

    def prepare(self, opening):
        """What it is to say and hear."""
        _, self.sayer, self.hearer = self.end.source.both(self, opening, self.paused)
        self._fds = (None, None)

    def pipe(self, run, *words, **streams):
        """Run it."""
        run(*words, "--exec", *self.end.source.command(self), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, **streams)

    def join(self):
        """It begins by itself, and is ready when its number is there."""
        self.speak()
        programs.eventually(lambda: os.path.exists(self.path("pid")) or self.process.poll() is not None)

    def goes_away(self):
        """It is killed."""
        self.end.source.kill(self)


class ListenProgram(PipeProgram, Listen):
    """bob listens for a program."""


class DialProgram(PipeProgram, Dial):
    """alice dials for one."""


class Daemon(Side):
    """serve or forward, for one channel: the kind of socket, or of program, at its end."""

    _opening = b""

    def prepare(self, opening):
        """Remember what the program begins with."""
        self._opening = opening

    def attach(self, sock):
        """This is where the program is: it begins."""
        fd = sock.detach()
        self.sayer = programs.Sayer(fd, programs.finish_socket)
        self.hearer = programs.Hearer(fd, self.paused)
        if self._opening:
            self.sayer.say(self._opening)
        self.speak()

    def outcome(self):
        """How its channel has ended."""
        programs.eventually(lambda: self.told() or self.process.poll() is not None)
        how = self.told()
        if not how:
            status = self.process.poll()
            return "nothing" if status is None else BY_STATUS.get(status, f"status {status}")
        return next((word for pattern, word in BY_LOG if re.search(pattern, how)), how)

    def told(self):
        line = re.search(r": (.*) address=.* sent=\d+ received=\d+ seconds=", self.log())
        return line and line[1]

    def is_up(self):
        """Whether it comes to have a channel."""
        def asked():
            self.signal(signal.SIGUSR1)
            return re.search(r"channel seconds=", self.log())
        return programs.eventually(asked)

    def stops(self):
        """One SIGTERM ends it, if it has not ended."""
        if self.process.poll() is not None:
            return True
        self.signal(signal.SIGTERM)
        return kith.status(self.process) == 0


class Forward(Daemon):
    """alice forwards a socket."""

    who = "alice"
    kind = ("--plain",)
    name = ""  # of the target

    def start(self, far):
        """Listen for programs."""
        self.run_at("forward", *self.kind, self.end.source.local(self), f"bob@{far}{self.name}")

    def join(self):
        """A program connects."""
        self.attach(self.connect(self.address))

    def connect(self, address):
        """A connection to where it listens."""
        if "/" in address:
            name = address
        else:
            host, _, port = address.rpartition(":")
            name = address_of(host.strip("[]"), int(port))
        sock = self.end.sink.new()
        sock.connect(name)
        return sock


class KeptForward(Forward):
    """She keeps her channels, and asks for a target by its name."""

    kind = ("--ready-on", "listen")
    name = ":name"


class ForwardRun(KeptForward):
    """She does so for as long as a program runs, which ends when it is told to."""

    def start(self, far):
        """Listen for programs, and have that one run."""
        os.mkfifo(self.path("run"))
        self.run_at("forward", self.end.source.local(self), f"bob@{far}{self.name}", "--run",
                    "sh", "-c", "read -r _ <\"$0\"", self.path("run"))

    def is_up(self):
        """It has a channel before the program begins; what it is asked for, that one is told."""
        return True

    def stops(self):
        """It does so with its program."""
        if self.process.poll() is not None:
            return True
        with open(self.path("run"), "w", encoding="ascii") as word:
            word.write("end\n")
        return kith.status(self.process) == 0


class ForwardGiven(KeptForward):
    """She does so at a socket that a supervisor has opened."""

    def start(self, far):
        """It listens already."""
        server, self.address = self.end.source.server(self)
        with server:
            server.setblocking(True)
            self.run("forward", *self.kind, "0", f"bob@{far}{self.name}", stdin=server,
                     launcher=["sh", "-c", GIVE, "sh"])


# A shell that knows descriptors of one digit only puts it where a supervisor does.
GIVE = 'exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'


class Serve(Daemon):
    """bob serves a socket."""

    is_joined_to = True
    server = target = None

    def prepare(self, opening):
        """There is a target."""
        super().prepare(opening)
        self.server, self.target = self.end.source.server(self)

    def start(self, host):
        """Wait for alice, who asks for it or for whatever there is."""
        self.run_at("serve", at(host), self.target, f"name={self.target}")

    def join(self):
        """The target has a connection."""
        self.attach(self.server.accept()[0])

    def close(self):
        """Nor does the target stay."""
        super().close()
        if self.server:
            self.server.close()


class ServeProgram(Daemon):
    """bob serves a program."""

    def prepare(self, opening):
        """What it is to say and hear."""
        _, self.sayer, self.hearer = self.end.source.both(self, opening, self.paused)

    def start(self, host):
        """Wait for alice."""
        self.run_at("serve", at(host), "--exec", *self.end.source.command(self))

    def join(self):
        """It begins by itself, and is ready when its number is there."""
        self.speak()
        programs.eventually(lambda: os.path.exists(self.path("pid")) or self.told())

    def goes_away(self):
        """It is killed."""
        self.end.source.kill(self)


class ServeExecTarget(ServeProgram):
    """bob serves a program as a target that has a name."""

    def start(self, host):
        """Wait for alice, who asks for it or for whatever there is."""
        shell, option, script, folder = self.end.source.command(self)
        with open(self.path("program"), "w", encoding="ascii") as program:
            program.write(f"#!/bin/sh\nexec {shell} {option} '{script}' '{folder}'\n")
            os.fchmod(program.fileno(), 0o700)
        target = "exec:exec " + self.path("program")
        self.run_at("serve", at(host), target, f"name={target}")


class Accept(Forward):
    """bob forwards a socket to who calls him."""

    who = "bob"

    def start(self, host):
        """Listen for alice's calls, and for programs."""
        self.run_at("forward", "--ready-on", "listen", "--accept", at(host),
                    self.end.source.local(self), "alice")

    def join(self):
        """A program connects."""
        self.logged(LISTENS)
        self.attach(self.connect(re.search(LISTENS, self.log())[1]))


LISTENS = r"kith: forward: (\S+): each connection is carried"


class Call(Serve):
    """alice calls bob, and serves him a socket."""

    who = "alice"

    def start(self, far):
        """Have a channel with him."""
        self.run("serve", "--call", f"bob@{far}", "--spare", "1", self.target)


class Via:
    """One of those who call, by a command that leads there."""

    def run(self, *words, **streams):
        """Start kith."""
        way = os.path.join(os.path.dirname(os.path.abspath(__file__)), "way.py")
        super().run(words[0], "--via", f"exec python3 '{way}' %h %p", *words[1:], **streams)


class DialVia(Via, Dial):
    """alice dials so."""


class ForwardVia(Via, Forward):
    """She forwards so."""


class CallVia(Via, Call):
    """She calls bob so, and serves him a socket."""


class Inetd:
    """One of those who are called, by a super-server that takes one call, and starts it there."""

    takes_more = False

    def run_at(self, command, where, *words, **streams):
        """Wait for a call, in a thread. The address is known after."""
        host, _, _ = where.rpartition(":")
        server = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET)
        server.bind(address_of(host.strip("[]")))
        server.listen()
        server.settimeout(programs.LIMIT)
        self.address = shown(server.getsockname())
        with open(self.log_name, "ab"):
            pass
        threading.Thread(target=self._take, args=(server, command, words, streams), daemon=True).start()

    def _take(self, server, command, words, streams):
        with server:
            connection, _ = server.accept()
        self.run_on(connection, command, "--inetd", *words, **streams)

    def run_on(self, connection, *words, **streams):
        """Start it with the connection itself."""
        with connection:
            self.run(*words, **{**streams, "stdin": connection, "stdout": connection})

    def join(self):
        """It was called."""
        programs.eventually(lambda: self.process)
        super().join()

    def stops(self):
        """It does so by itself after its call, maybe just now."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return kith.status(self.process) != "hangs"


class InetdByPipes(Inetd):
    """The same with two pipes that lead to the connection."""

    def run_on(self, connection, *words, **streams):
        """Start it between them."""
        with connection:
            self.run(*words, **{**streams, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE})
            inetd.lead(connection, self.process.stdin, self.process.stdout).join()


class ServeInetd(Inetd, Serve):
    """bob serves a socket so."""


class ServeByPipes(InetdByPipes, Serve):
    """And between pipes."""


class ServeInetdProgram(Inetd, ServeProgram):
    """bob serves a program so."""


class ListenInetd(Inetd, Listen):
    """bob listens so, for a FILE alone: what he has to say comes from nowhere."""


class ListenInetdProgram(Inetd, ListenProgram):
    """bob listens so."""


class ListenByPipesProgram(InetdByPipes, ListenProgram):
    """And between pipes."""


KEPT, RUN, GIVEN = "forward of kept channels", "forward --run", "forward of LISTEN_FDS"
DIAL_TARGET, EXEC_TARGET = "dial PEER:TARGET", "serve exec:"
KEPTS = (KEPT, RUN, GIVEN, DIAL_TARGET)
CALL, ACCEPT = "serve --call", "forward --accept"
CALLS = (CALL, "serve --call --via")
LISTEN_INETD = "listen --inetd -o"
COMMANDS = {"listen --exec": ListenProgram, "dial --exec": DialProgram, "listen": Listen,
            "dial": Dial, "forward": Forward,
            KEPT: KeptForward, RUN: ForwardRun, GIVEN: ForwardGiven, DIAL_TARGET: DialTarget,
            EXEC_TARGET: ServeExecTarget, "serve": Serve, "serve --exec": ServeProgram,
            "dial --via": DialVia, "forward --via": ForwardVia, CALL: Call, CALLS[1]: CallVia, ACCEPT: Accept,
            "serve --inetd": ServeInetd, "serve --inetd between pipes": ServeByPipes,
            "serve --inetd --exec": ServeInetdProgram,
            LISTEN_INETD: ListenInetd, "listen --inetd --exec": ListenInetdProgram,
            "listen --inetd --exec between pipes": ListenByPipesProgram}


def at(host):
    """Any port of it."""
    return f"[{host}]:0" if ":" in host else f"{host}:0"
