"""One cell of the matrix: a channel between two ends of some kind, what is done there, and what must
hold whatever that was."""

import os
import random
import shutil

import ends
import kith
import programs
import proxy
import sides

WORD = 200  # bytes, of which a UNIX socket's reset is always told


def content(side, other, seed, size):
    """Bytes of which the side can say so many, and the other has a place for them."""
    if size == 0 or not side.end.speaks_to(other.end):
        return b""
    data = random.Random(seed).randbytes(size)
    if side.end.source.is_terminal:  # lines of text, without ^D
        data = bytearray(data.translate(bytes.maketrans(b"\4\n", b"55")))
        data[79::80] = b"\n" * len(data[79::80])
        data[-1:] = b"\n" * len(data[-1:])
    return bytes(data)


class Cell:
    """The two sides and the network between them."""

    def __init__(self, folder, near, far, network, options=()):
        self.folder, self.problems, self.relay = os.path.abspath(folder), [], None
        os.mkdir(self.folder)
        self.host, _, self.told = ends.NETWORKS[network]
        self.near = self._side("near", (*options, *self.told), near)
        self.far = self._side("far", (*options, *self.told), far)
        self.sides = (self.near, self.far)

    def _side(self, role, options, end):
        folder = os.path.join(self.folder, role)
        return sides.COMMANDS[end.command](role, folder, options, end)

    def other(self, side):
        """The one at the other end."""
        return self.far if side is self.near else self.near

    def words(self, seed, size):
        """What the two sides may say: (near's, far's)."""
        return (content(self.near, self.far, seed, size),
                content(self.far, self.near, seed + 1, size))

    def prepare(self, near=b"", far=b""):
        """Start far, and near's ends: near is then to start."""
        self.near.prepare(near)
        self.far.prepare(far)
        self.far.start(self.host)

    def start(self, near=b"", far=b"", relay=None):
        """Join both, which begin to say this. A relay is made of the arguments of proxy.Proxy."""
        self.prepare(near, far)
        address = self.far.address
        if relay is not None:
            self.relay = proxy.Proxy(endpoint(address), host=self.host, **relay)
            address = ends.shown(self.relay.address)
        self.near.start(address)
        for side in sorted(self.sides, key=lambda side: side.is_joined_to):
            side.join()

    def converse(self):
        """Join both; each says a word, if it can, and hears the other's."""
        self.start(*self.words(1, WORD))
        self.check(self.near.is_up(), "there is no channel")
        self.heard_all()

    def calls(self):
        """The status of another call of alice's."""
        return kith.status(kith.start("alice", "dial", "-w", "3s", *self.told,
                                      "bob@" + self.far.address))

    # --- what must hold

    def check(self, good, *words):
        """Note a problem, and go on."""
        if not good:
            self.problems.append(" ".join(map(str, words)))

    def may_lose(self, side):
        """Whether what is typed at this terminal may be more than its peer has waited for."""
        other = self.other(side)
        return not other.end.source.waits and not side.end.outlasts(bool(other.sayer.said))

    def heard_all(self):
        """Each has heard what the other has said until now."""
        for side in self.sides:
            said = self.other(side).sayer.said
            if not self.may_lose(self.other(side)):
                self.check(side.hearer.has(len(said)), side.role, "does not hear the other")

    def finish(self):
        """All was said: each hears it, and the end, and all is whole. A terminal ends first, where
        its input would else end with the peer."""
        self.heard_all()
        for side in sorted(self.sides, key=lambda side: side.end.outlasts(True)):
            side.sayer.end()
        self.is_whole()

    def is_whole(self):
        """Both say so, and each has heard the other to its end."""
        outcomes = tuple(side.outcome() for side in self.sides)
        self.check(outcomes == ("whole", "whole"), "near and far are", *outcomes)
        for side in self.sides:
            heard, how = side.hearer.to_end()
            said = self.other(side).sayer.said
            self.check(how in (None, "end"), side.role, "sees", how)
            self.check(heard is None or heard == said or
                       (self.may_lose(self.other(side)) and said.startswith(heard)),
                       side.role, "has", heard and len(heard), "bytes of", len(said))

    def is_broken(self, near, far):
        """Each side's outcome is one of these words, and each end sees it as far as its kind can."""
        for side, expected in ((self.near, near), (self.far, far)):
            outcome = side.outcome()
            self.check(outcome in expected.split("|"), side.role, "is", outcome, "and not", expected)
            self.sees_break(side)

    def sees_break(self, side):
        """It has a beginning of what the other has said, and takes a part for the whole only if its
        kind cannot tell."""
        heard, how = side.hearer.to_end()
        other = self.other(side)
        if heard is None:
            return
        self.check(other.sayer.said.startswith(heard), side.role, "hears what nobody has said")
        all_heard = heard == other.sayer.said or not other.end.outlasts(bool(side.sayer.said))
        if how == "end" and not (all_heard and other.sayer.ended):
            # That it was reset the system says once, to whoever asks first, who tells in a moment.
            was_reset = cannot_tell(side) or programs.eventually(lambda: side.sayer.reset)
            self.check(was_reset, side.role, "takes", len(heard), "bytes of",
                       len(other.sayer.said), "for the whole")
        self.check(how != "nothing" or side.sayer.reset, side.role, "sees nothing")

    def leaves_nothing(self):
        """Both processes end when they are asked to."""
        for side in self.sides:
            if side.process:
                self.check(side.stops(), side.role, "does not end")

    def close(self):
        """Nothing is left of it, but what explains a problem."""
        for side in self.sides:
            side.close()
        if not self.problems:
            shutil.rmtree(self.folder)


def cannot_tell(side):
    """Whether its kind may take what is broken for whole."""
    if side.end.sink.unseen is None:
        return False
    if side.end.is_daemon:
        return not 0 < len(side.sayer.said) <= 512
    return True


def endpoint(address):
    """For proxy: ("127.0.0.1", 9000) of "127.0.0.1:9000"."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
