"""Connections through forward and serve, each of which does something else, at random, and is
looked at from both its ends."""

import os
import random
import signal
import socket
import threading
import time

import daemons
import kith
import reverse
from daemons import check

WORKERS = 8
GROWTH_KIB = 8192  # of a process, from its first quarter on
MARK = b"number: "  # by which near tells far which connection it is, in 8 bytes behind it
SIDES = ("near", "far")

# A worker that fails has found something.
threading.excepthook = lambda failure: check(False, "a worker:", repr(failure.exc_value))


class Plan:
    """What the two programs of one connection do."""

    def __init__(self, seed, number):
        pick = random.Random(seed * 1000003 + number)
        self.content = {}
        self.pauses = {}
        for side in SIDES:
            size = pick.choice([0, 1, 1000, 65535, 65536, 65537, pick.randrange(2000000)])
            self.content[side] = random.Random(pick.random()).randbytes(size)
            self.pauses[side] = pick.choice([0, 0, 0.001, 0.01])
        # Who waits for the other's end before it says its own.
        self.waits = pick.choice([None, None, "near", "far"])
        # Who resets, and after how many of its bytes.
        self.aborts = pick.choice([None, None, None, "near", "far"])
        self.after = 0
        if self.aborts:
            self.after = pick.randrange(len(self.content[self.aborts]) + 1)

    def kind(self):
        """For the count of what was done."""
        if self.aborts:
            return f"aborted by {self.aborts}"
        return f"ended last by {self.waits}" if self.waits else "ended"


class Part:
    """One program of a connection: what it does, and what it got."""

    def __init__(self, plan, side, sock):
        self.plan, self.side, self.sock = plan, side, sock
        self.by = None  # the forwarder that it came to
        self.got, self.how = b"", None
        self.told = False  # the system says once that there was a reset, to whoever asks first
        self.ended = threading.Event()

    def begin(self, number):
        """Tell the target which connection this is."""
        try:
            self.sock.sendall(MARK + number.to_bytes(8, "big"))
        except OSError:
            self.told = True

    def run(self):
        """Do all of it; the socket is closed at the end."""
        reader = threading.Thread(target=self._read)
        reader.start()
        self._write()
        reader.join()
        self.sock.close()

    def _read(self):
        pieces = []
        try:
            while chunk := self.sock.recv(1 << 16):
                pieces.append(chunk)
                time.sleep(self.plan.pauses[self.side])
            self.how = "end"
        except TimeoutError:
            self.how = "nothing"
        except OSError:
            self.how = "reset"
        self.got = b"".join(pieces)
        self.ended.set()

    def _write(self):
        content = self.plan.content[self.side]
        try:
            if self.plan.aborts == self.side:
                self.sock.sendall(content[:self.plan.after])
                daemons.reset_now(self.sock)
                return
            self.sock.sendall(content)
            if self.plan.waits == self.side:
                self.ended.wait(kith.LIMIT)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.told = True

    def check(self, name):
        """What it got is what the other one has sent, or a part of that and a reset."""
        other = SIDES[1 - SIDES.index(self.side)]
        sent = self.plan.content[other]
        if self.plan.aborts is None:
            check(self.how == "end" and self.got == sent, name, self.side, "got", len(self.got),
                  "of", len(sent), "and", self.how)
        elif self.plan.aborts == other:
            check(sent.startswith(self.got), name, self.side, "got other bytes")
            check(self.how == "reset" or self.told, name, self.side, "saw", self.how)
        else:
            check(sent.startswith(self.got), name, self.side, "got other bytes")


    def is_whole(self):
        """It has all that the other one said, and the end."""
        other = SIDES[1 - SIDES.index(self.side)]
        return self.how == "end" and self.got == self.plan.content[other]

    def check_harmed(self, name):
        """The same where anything may have been cut: it never takes a part for the whole."""
        other = SIDES[1 - SIDES.index(self.side)]
        check(self.plan.content[other].startswith(self.got), name, self.side, "got other bytes")
        check(self.how != "nothing", name, self.side, "hangs")
        check(self.how != "end" or self.told or self.is_whole(), name, self.side, "takes", len(self.got), "of",
              len(self.plan.content[other]), "for the whole")


class Flat:
    """What some daemons have now, of which they are to have no more later."""

    def __init__(self, ends):
        self.before = [(end, end.descriptors(), end.threads(), end.rss_kib()) for end in ends]

    def check(self):
        """Say how much has grown, and complain if it is too much."""
        said = []
        for end, descriptors, threads, rss in self.before:
            end.has_again(descriptors, threads)
            growth = end.rss_kib() - rss
            said.append(f"{end.log_name} has {growth} KiB more than the {rss} of the first quarter, "
                        f"{end.descriptors()} of {descriptors} descriptors, "
                        f"{end.threads()} of {threads} threads")
            check("KITH_SANITIZED" in os.environ or growth <= GROWTH_KIB, end.log_name,
                  "keeps memory")
        print(*said, sep="\n")
        return "; ".join(said)


class Churn:
    """The two daemons, the target, and the workers."""

    def __init__(self, seed):
        self.seed = seed
        self.target = daemons.Target(handle=self._far)
        self.serve, self.forward, self.near = self.start()
        self.ends = (self.forward, self.serve)
        self.lock = threading.Lock()
        self.number = 0
        self.done = {}
        self.far_parts = {}

    def start(self):
        """The daemon that has the target, the one that the programs come to, and where."""
        serve = daemons.serve(self.target.address, "-q")
        forward = daemons.forward(self.way(serve), "-q", "--keep", "1")
        return serve, forward, forward.address

    def way(self, serve):
        """What the forwarder calls: the server, or what leads there."""
        return serve

    def judge(self, part, number):
        """Whether all is well with it."""
        part.check(f"connection {number}:")

    def _far(self, sock):
        said = daemons.read_exactly(sock, len(MARK) + 8)
        if len(said) < len(MARK) + 8 or not said.startswith(MARK):
            return  # cut, or nobody of ours
        number = int.from_bytes(said[len(MARK):], "big")
        part = Part(Plan(self.seed, number), "far", sock)
        with self.lock:
            self.far_parts[number] = part
        part.run()
        with self.lock:
            del self.far_parts[number]
        self.judge(part, number)

    def count(self, kind):
        """One more was done of this kind."""
        with self.lock:
            self.done[kind] = self.done.get(kind, 0) + 1

    def connect(self, address):
        """One connection, by whichever forwarder."""
        with self.lock:
            number = self.number
            self.number += 1
        plan = Plan(self.seed, number)
        sock = daemons.connect(address)
        near = Part(plan, "near", sock)
        near.by = address
        near.begin(number)
        near.run()
        self.judge(near, number)
        self.count(plan.kind())

    def work(self, end):
        """One worker: one connection after another, until it is time."""
        while time.monotonic() < end:
            self.connect(self.near)

    def disturb(self, end):
        """Signals that must harm nothing, at random moments."""
        pick = random.Random(self.seed)
        while time.monotonic() < end:
            time.sleep(pick.random() / 5)
            pick.choice(self.ends).signal(pick.choice([signal.SIGHUP, signal.SIGUSR1]))

    def tasks(self):
        """What is done at the same time, until it is time."""
        return [self.work] * WORKERS + [self.disturb]

    def run(self, seconds):
        """Work for so long."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=task, args=(end,)) for task in self.tasks()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def settle(self):
        """Wait until nothing is under way."""
        daemons.eventually(lambda: not self.far_parts, "the target's connections end")
        for end in self.ends:
            daemons.eventually(end.is_idle, end.log_name, "has no thread but the first")


class Reverse(Churn):
    """The same where the one that has the target calls."""

    def start(self):
        forward = reverse.Accept()
        serve = reverse.call(forward, self.target.address, options=("-q", "--spare", "1", "--keep", "1"))
        return serve, forward, forward.near
