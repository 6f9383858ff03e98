"""kith while somebody sets the wall clock, or while more time passes than a test has.

usage: clocks.py LIBRARY SUBJECT     run in a directory with alice and bob in it

LIBRARY is stepping.c. Each subject is a function here. Prints what went wrong; exits 1 if anything
did."""

import datetime
import os
import re
import signal
import subprocess
import sys
import threading
import time

import attacked
import attacks
import daemons
import kith
import records
from daemons import check

HOUR, YEAR = 3600, 365 * 24 * 3600
STEPS = (HOUR, -HOUR, YEAR, -YEAR, -int(time.time()), (1 << 31) - int(time.time()), 0)


class Clock:
    """The wall clock of those who are started while it is the one in use."""

    def __init__(self, name):
        self.path = os.path.abspath(name)
        with open(self.path, "wb") as file:
            file.write(bytes(16))

    def set(self, seconds, at=0):
        """Put it so far ahead of the system's."""
        with open(self.path, "r+b") as file:
            file.seek(at)
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def passes(self, seconds):
        """So much time has passed, more than did."""
        self.set(seconds, 8)

    def use(self):
        """Whoever is started from here on has it."""
        os.environ.update(LD_PRELOAD=LIBRARY, STEPPING=self.path)


def _answers(near, said=b"hello"):
    """What comes back of a new connection."""
    try:
        with daemons.connect(near.address) as sock:
            sock.sendall(said)
            return daemons.read_exactly(sock, len(said))
    except ConnectionError: # wherever the reset comes in between
        return b""


def open_channels():
    """A channel that is open goes on, is not idle, and new ones are served, wherever it is set."""
    clock = Clock("clock")
    clock.use()
    far = daemons.serve(["cat"], "--idle-timeout", "1h")
    near = daemons.forward(far, "--idle-timeout", "1h")
    with daemons.connect(near.address) as sock:
        for step in (0, *STEPS):
            clock.set(step)
            sock.sendall(b"%d" % step)
            check(daemons.read_exactly(sock, len(b"%d" % step)) == b"%d" % step,
                  "set by", step, "s, an open channel is over")
            check(_answers(near) == b"hello", "set by", step, "s, none is served")
    near.stop()
    far.stop()


def one_side():
    """Set on one side only, calls are refused, and the log says by how much; set back, served."""
    clocks = {who: Clock(f"clock-{who}") for who in ("alice", "bob")}
    clocks["bob"].use()
    far = daemons.serve(["cat"])
    clocks["alice"].use()
    near = daemons.forward(far, "--plain")
    for who, step, said in (("bob", HOUR, "behind"), ("bob", -HOUR, "ahead"),
                            ("alice", HOUR, "ahead"), ("alice", -HOUR, "behind")):
        with daemons.connect(near.address) as sock:
            sock.sendall(b"one")
            check(daemons.read_exactly(sock, 3) == b"one", "none is served at first")
            clocks[who].set(step)
            check(_answers(near) == b"", who, "set by", step, "s: a call is served")
            sock.sendall(b"two")
            check(daemons.read_exactly(sock, 3) == b"two", "an open channel is over")
        clocks[who].set(0)
        check(_answers(near) == b"hello", who, "set back: none is served")
        daemons.eventually(lambda: re.search(rf"(3599|3600)\.\d+ s {said}", far.log()),
                           f"serve says that it is an hour {said}, but: {far.log()}")
    near.stop()
    far.stop()


def deadlines():
    """Those of a handshake, and of a channel where nothing moves, are not put off."""
    clock = Clock("clock")
    clock.use()
    called = threading.Event()

    def say_nothing(sock):
        while sock.recv(1 << 16):
            called.set()

    far = daemons.serve(["cat"], "--idle-timeout", "5s")
    silent = daemons.Target(handle=say_nothing)
    idle = kith.dial(daemons.host_and_port(far.address), stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE)
    in_vain = kith.dial(daemons.host_and_port(silent.address), "-w", "5s")
    check(called.wait(kith.LIMIT), "nobody is called")
    os.write(idle.stdin.fileno(), b"hello")
    check(os.read(idle.stdout.fileno(), 5) == b"hello", "there is no channel")
    over = threading.Event()
    stepping = threading.Thread(target=_step_back, args=(clock, over))
    stepping.start()
    for process, expected, what in ((in_vain, 7, "a handshake"), (idle, 8, "a channel")):
        status = kith.status(process)
        check(status == expected, what, "ended with", status)
    over.set()
    stepping.join()
    far.logged("idle timeout")
    far.stop()


def _step_back(clock, over):
    """An hour, again and again."""
    step = 0
    while not over.wait(0.2):
        step -= HOUR
        clock.set(step)


def expiry():
    """A key that is good until tomorrow is good for nothing once it is tomorrow."""
    clock = Clock("clock")
    clock.use()
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    key = subprocess.run([os.environ["KITH"], "pubkey", "alice/identity"], check=True,
                         capture_output=True, text=True).stdout.strip()
    with open("bob/peers", "w", encoding="ascii") as peers:
        peers.write(f'expiry-time="{tomorrow:%Y%m%d%H%M}Z" {key} alice\n')
    far = daemons.serve(["cat"])
    near = daemons.forward(far, "--spare", "0")
    check(_answers(near) == b"hello", "a call is refused")
    far.logged(": whole ")
    near.logged(": whole ") # its channel is kept
    clock.set(25 * HOUR)
    check(_answers(near) == b"", "a call is served after the key has expired")
    far.logged("ended: its key has expired")
    far.logged("refused: its key has expired") # and so is a new one
    clock.set(0)
    daemons.eventually(lambda: _answers(near) == b"hello", "a call is served again")
    near.stop()
    far.stop()


def silence():
    """A kept channel that says no PING is let go by who accepts, in 90 s and no sooner."""
    people = attacks.scene()
    clock = Clock("clock")
    clock.use()
    serve = attacked.Serve()
    opener, other = records.Opener(people, serve), records.Opener(people, serve)
    opener.streams(b"words")
    time.sleep(2)  # after one, a channel rests
    clock.passes(80)
    serve.daemon.signal(signal.SIGUSR1)
    check(records.is_silent(opener.sock), "let go after 80 s")
    other.say(records.PING)
    other.hears(records.PONG)
    time.sleep(2)
    clock.passes(160)
    serve.daemon.signal(signal.SIGUSR1)
    opener.hears(records.CLOSE, "who said no PING for 90 s:")
    opener.ends("who said no PING for 90 s")
    other.streams(b"who said one")
    other.sock.close()
    serve.end()


if __name__ == "__main__":
    LIBRARY = sys.argv.pop(1)
    daemons.run_subject([open_channels, one_side, deadlines, expiry, silence])
