"""What a program at an end of a channel does, in threads of its own: one says, one hears."""

import errno
import os
import queue
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))

# pylint: disable=wrong-import-position
from kith import LIMIT

TICK_MS = 100  # after which a thread that waits looks whether it is still wanted


def eventually(condition, limit=LIMIT):
    """Wait until it is true: what it then is."""
    end = time.monotonic() + limit
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return result


class Sayer:
    """Says what it is told to, until it is told to end, which finish(self) does. Nothing is said
    before it is started."""

    def __init__(self, fd, finish):
        self.fd, self._finish = fd, finish
        self.said, self.ended, self.reset = b"", False, False
        self._words, self._stopped = queue.SimpleQueue(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        os.set_blocking(fd, False)

    def start(self):
        """From here on it speaks."""
        self._thread.start()

    def say(self, data):
        """These bytes are next."""
        self.said += data
        self._words.put(data)

    def end(self):
        """All was said."""
        if not self.ended:
            self.ended = True
            self._words.put(None)

    def stop(self):
        """Say no more, and leave the descriptor as it is."""
        self._stopped = True
        self._words.put(None)
        if self._thread.is_alive():
            self._thread.join(LIMIT)

    def _run(self):
        while (data := self._words.get()) is not None:
            if not self._write(data):
                return
        if not self._stopped:
            try:
                self._finish(self)
            except OSError:
                self.reset = True

    def _write(self, data):
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        while data and not self._stopped:
            if not poll.poll(TICK_MS):
                continue
            try:
                data = data[os.write(self.fd, data[:1 << 16]):]
            except BlockingIOError:
                continue
            except OSError:  # nobody takes it any more; the system says so once
                self.reset = True
                return False
        return True


def finish_pipe(sayer):
    """The end of a pipe."""
    fd, sayer.fd = sayer.fd, None
    os.close(fd)


def finish_terminal(sayer):
    """The end of what is typed."""
    os.write(sayer.fd, b"\4")


def finish_socket(sayer):
    """The end of one direction."""
    with socket.socket(fileno=os.dup(sayer.fd)) as sock:
        sock.shutdown(socket.SHUT_WR)


class Mute:
    """Has said all that it ever says, and ended."""

    fd, reset, ended = None, False, True

    def __init__(self, said=b""):
        self.said = said

    def start(self):
        """Nothing is to be done."""

    def end(self):
        """It has."""

    def stop(self):
        """Nothing is to be done."""


class Hearer:
    """Hears all that comes, but while it pauses, and how that ends: by an "end" or a "reset", or
    with "nothing" in time."""

    def __init__(self, fd, paused=False):
        self.fd, self.data, self.how = fd, bytearray(), None
        self._stopped, self._goes = False, threading.Event()
        if not paused:
            self._goes.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        os.set_blocking(fd, False)

    def start(self):
        """From here on it hears."""
        self._thread.start()

    def go(self):
        """It pauses no longer."""
        self._goes.set()

    def stop(self):
        """Hear no more, and leave the descriptor as it is."""
        self._stopped = True
        self._goes.set()
        if self._thread.is_alive():
            self._thread.join(LIMIT)

    def is_spoken_to(self):
        """Whether there comes to be something to hear."""
        return select.select([self.fd], [], [], LIMIT)[0]

    def has(self, count):
        """Whether so much comes to be heard."""
        return eventually(lambda: len(self.data) >= count or self.how) and len(self.data) >= count

    def to_end(self):
        """What was heard once there is no more, and how that ended."""
        how = eventually(lambda: self.how) or "nothing"
        return bytes(self.data), how

    def _run(self):
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while self.how is None and not self._stopped:
            if not self._goes.wait(TICK_MS / 1000) or self._stopped or not poll.poll(TICK_MS):
                continue
            try:
                chunk = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                continue
            except OSError as error:  # EIO is the end of a terminal
                self.how = "end" if error.errno == errno.EIO else "reset"
                return
            self.data += chunk
            if not chunk:
                self.how = self.how_ended()

    def how_ended(self):
        """What it means that there is no more."""
        return "end"


class FollowedHearer(Hearer):
    """Hears what another program has written. That marks that it has begun, and that it has ended
    of itself."""

    def __init__(self, fd, paused, place):
        super().__init__(fd, paused)
        self._begun, self._ended = place.path("pid"), place.path("mark")

    def how_ended(self):
        return "end" if os.path.exists(self._ended) else "reset"

    def to_end(self):
        return super().to_end() if os.path.exists(self._begun) else (b"", "reset")


class FileHearer:
    """Finds in a file what has come; its end is that of the process which writes there."""

    fd = None

    def __init__(self, path):
        self._path, self.is_over = path, lambda: True

    def start(self):
        """Nothing is to be done."""

    def stop(self):
        """Nothing is to be done."""

    def has(self, count):
        """Whether so much comes to be there."""
        return eventually(lambda: os.path.getsize(self._path) >= count or self.is_over()) and \
            os.path.getsize(self._path) >= count

    def to_end(self):
        """All that was written."""
        over = eventually(self.is_over)
        with open(self._path, "rb") as file:
            return file.read(), "end" if over else "nothing"


class OutputHearer(FileHearer):
    """The same of a file that is there at its end, and else is not there."""

    def has(self, _count):
        """As far as one can tell before that."""
        return True

    def to_end(self):
        """All of it, or nothing."""
        if not eventually(self.is_over) or os.path.exists(self._path):
            return super().to_end()
        return b"", "reset"


class Deaf:
    """Nobody knows what has come."""

    fd = None

    def start(self):
        """Nothing is to be done."""

    def stop(self):
        """Nothing is to be done."""

    def has(self, _count):
        """As far as one can tell."""
        return True

    def to_end(self):
        """Neither is known."""
        return None, None
