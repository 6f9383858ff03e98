"""What goes wrong around forward and serve in an hour, at random: for tests/soak."""

import contextlib
import os
import random
import shutil
import signal
import socket
import threading
import time

import churning
import daemons
from daemons import check

STRANGERS = 16  # at a time
BELOW_EPHEMERAL = range(10240, 32000)  # ports that nobody is given who has not asked for them


class Relay:
    """Leads to an address; of those who pass some are cut, reset, or held up for a while."""

    def __init__(self, address, seed):
        self.there = daemons.host_and_port(address)
        self.seed = seed
        self.server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.cuts, self.stalls = 0, 0
        self.lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        number = 0
        while True:
            sock, _ = self.server.accept()
            number += 1
            threading.Thread(target=self._carry, args=(sock, number), daemon=True).start()

    def _carry(self, near, number):
        pick = random.Random(self.seed * 1000033 + number)
        with near, contextlib.suppress(OSError), socket.create_connection(self.there) as far:
            harm = pick.choice(["", "", "", "stall", "reset", "end"])
            victim = pick.choice([near, far])  # whose words have it
            after = pick.choice([pick.randrange(500), pick.randrange(2000000)])

            def direction(source, sink):
                left = after if harm and source is victim else None
                if _pass_on(source, sink, left) or not left:
                    return
                self._harm(harm, near, far, pick)
                _pass_on(source, sink, None)

            other = threading.Thread(target=direction, args=(far, near))
            other.start()
            direction(near, far)
            other.join()

    def _harm(self, harm, near, far, pick):
        with self.lock:
            self.cuts += harm != "stall"
            self.stalls += harm == "stall"
        if harm == "stall":
            time.sleep(pick.random() * 2)
        for sock in (near, far):
            with contextlib.suppress(OSError):
                if harm == "reset":
                    daemons.reset_now(sock)
                elif harm == "end":
                    sock.shutdown(socket.SHUT_RDWR)


def _pass_on(source, sink, left):
    """Pass on what comes, to its end, or so many bytes of it: whether it came to its end."""
    try:
        while left is None or left > 0:
            chunk = source.recv(min(1 << 16, left or 1 << 16))
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return True
            sink.sendall(chunk)
            left = None if left is None else left - len(chunk)
        return False
    except OSError:
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                daemons.reset_now(sock)
        return True


class Victims:
    """A forward and a serve of their own, of which one is killed now and then."""

    def __init__(self, target):
        for who in ("alice", "bob"):
            shutil.copytree(who, f"{who}-killed")
        self.target = target
        self.kills = 0
        self.ports = iter(random.sample(BELOW_EPHEMERAL, 1000))
        self.serve = self._start("serve", None)
        self.forward = self._start("forward", None)

    def _start(self, which, address):
        """Where it was, or on a port that is free."""
        while not address:
            address = f"127.0.0.1:{next(self.ports)}"
            with contextlib.suppress(OSError), \
                    socket.create_server(daemons.host_and_port(address)):
                break
            address = None
        if which == "serve":
            return daemons.serve(self.target.address, "-q", listen=address, who="bob-killed",
                                 log="serve-killed.err")
        return daemons.forward(self.serve, "-q", local=address, who="alice-killed",
                               log="forward-killed.err")

    def kill_one(self, pick):
        """It is started again at once."""
        which = pick.choice(["serve", "forward"])
        daemon = getattr(self, which)
        daemon.signal(signal.SIGKILL)
        daemon.process.wait()
        setattr(self, which, self._start(which, daemon.address))
        self.kills += 1


class Soak(churning.Churn):
    """Churn over a relay that does harm, and with more of it around."""

    def __init__(self, seed):
        super().__init__(seed)
        self.victims = Victims(self.target)
        self.parts = {"whole": 0, "broken": 0}
        self.unplanned = 0  # broken ones that nobody aborted, of the forwarder that is not killed
        self.signals = {}

    def way(self, serve):
        self.relay = Relay(serve.address, self.seed)
        return self.relay

    def judge(self, part, number):
        part.check_harmed(f"connection {number}:")
        with self.lock:
            self.parts["whole" if part.is_whole() else "broken"] += 1
            self.unplanned += (part.by == self.forward.address and part.plan.aborts is None and
                               not part.is_whole())

    def tasks(self):
        return [self.work] * churning.WORKERS + [self.work_with_victims] * 2 + [
            self.disturb, self.bother, self.kill, self.break_peers]

    def work(self, end):
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionResetError):  # what is cut at once
                self.connect(self.forward.address)

    def work_with_victims(self, end):
        """As work does, by a forwarder that is not always there."""
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionError):
                self.connect(self.victims.forward.address)

    def kill(self, end):
        """One of the victims, every few seconds."""
        pick = random.Random(self.seed + 1)
        while time.monotonic() < end:
            time.sleep(pick.random() * 5)
            self.victims.kill_one(pick)

    def disturb(self, end):
        """Signals, of which one has it stand still for a while."""
        pick = random.Random(self.seed)
        while time.monotonic() < end:
            time.sleep(pick.random() / 2)
            daemon = pick.choice(self.ends)
            number = pick.choice([signal.SIGHUP, signal.SIGUSR1, signal.SIGSTOP])
            daemon.signal(number)
            self.signals[number.name] = self.signals.get(number.name, 0) + 1
            if number == signal.SIGSTOP:
                time.sleep(pick.random() / 2)
                daemon.signal(signal.SIGCONT)

    def bother(self, end):
        """Strangers, of peers and of local programs, who say nothing, garbage, or a part."""
        pick = random.Random(self.seed + 2)
        there = []
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                sock = daemons.connect(pick.choice(self.ends).address)
                there.append(sock)
                sock.sendall(pick.choice([b"", b"\0\0\0\xa7", pick.randbytes(1000)]))
            time.sleep(pick.random() / 5)
            if len(there) == STRANGERS:
                pick.choice([socket.socket.close, daemons.reset])(there.pop(0))
        for sock in there:
            sock.close()

    def break_peers(self, end):
        """A peers file that is broken, or that does not have her any more for a moment."""
        pick = random.Random(self.seed + 3)
        with open("bob/peers", "rb") as file:
            usual = file.read()
        while time.monotonic() < end:
            time.sleep(pick.random() * 10)
            for text in (b"rubbish\n", usual):
                with open("bob/peers.new", "wb") as file:
                    file.write(text)
                os.replace("bob/peers.new", "bob/peers")
                self.serve.signal(signal.SIGHUP)
                time.sleep(0.1)

    def told(self):
        """What was tried."""
        signals = ", ".join(f"{count} {name}" for name, count in sorted(self.signals.items()))
        return (f"{self.number} connections, {self.parts['whole']} ends of them whole and "
                f"{self.parts['broken']} broken; {self.relay.cuts} cuts, {self.relay.stalls} "
                f"stalls, {self.victims.kills} kills, {signals}")

    def stop(self):
        """All ends."""
        for end in (*self.ends, self.victims.forward, self.victims.serve):
            end.stop()
        check(self.parts["whole"] > 0 < self.parts["broken"], "not both whole and broken ones")
        check(self.unplanned <= self.relay.cuts, self.unplanned, "broke, where", self.relay.cuts,
              "were cut")
