"""A TCP proxy that carries one connection and harms it in a way that is exactly known.

What happens to the bytes of a direction is its tap: it is given what arrived, yields what goes on,
and raises Severed where the connection ends."""

import select
import socket
import struct
import threading
import time

LIMIT = 60  # seconds after which a connection is given up


class Severed(Exception):
    """The tap cuts the connection here."""


class Tap:
    """Passes everything on, and remembers it."""

    def __init__(self):
        self.passed = bytearray()

    def take(self, chunk):
        """Yield what goes on of this chunk."""
        yield chunk


class Cut(Tap):
    """Cuts when this many bytes have gone on."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def take(self, chunk):
        room = self.after - len(self.passed)
        yield chunk[:room]
        if len(chunk) >= room:
            raise Severed


class Flip(Tap):
    """Inverts one bit, counted from the first of the first byte."""

    def __init__(self, bit):
        super().__init__()
        self.bit = bit

    def take(self, chunk):
        index = self.bit // 8 - len(self.passed)
        if 0 <= index < len(chunk):
            chunk = bytearray(chunk)
            chunk[index] ^= 0x80 >> (self.bit % 8)
        yield bytes(chunk)


class Dribble(Tap):
    """Passes one byte at a time."""

    def take(self, chunk):
        for index in range(len(chunk)):
            yield chunk[index : index + 1]


class Delay(Tap):
    """Holds up whatever comes."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def take(self, chunk):
        time.sleep(self.seconds)
        yield chunk


def frames(stream):
    """The lengths of the whole frames in the bytes of a direction: they are not secret."""
    found, at = [], 0
    while at + 4 <= len(stream):
        (length,) = struct.unpack_from(">I", stream, at)
        at += 4 + length
        if at <= len(stream):
            found.append(length)
    return found


def reset(sock):
    """Close with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Proxy:
    """Takes one connection at self.address and carries it to target, in a thread of its own.

    how says what a cut is: "fin" ends both directions in order, "rst" resets both sides, "half"
    ends the one direction alone, "stall" passes nothing more and says nothing."""

    def __init__(self, target, d2l=None, l2d=None, how="fin", host="127.0.0.1"):
        self.target = target
        self.d2l = d2l or Tap()
        self.l2d = l2d or Tap()
        self.how = how
        self.severed = False
        name = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        self._server = socket.socket(name[0])
        self._server.bind(name[4])
        self._server.listen()
        self.address = self._server.getsockname()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self):
        """Wait until both sides have closed."""
        self._thread.join(LIMIT)

    def _run(self):
        self._server.settimeout(LIMIT)
        with self._server:
            dialer, _ = self._server.accept()
        listener = socket.create_connection(self.target)
        routes = {dialer: (listener, self.d2l), listener: (dialer, self.l2d)}
        for sock in routes:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._carry(routes)
        except OSError:  # one side reset it: so does the other
            self.how = "rst"
        for sock in routes:
            if self.how == "rst":
                reset(sock)
            sock.close()

    def _carry(self, routes):
        """Carry until both sides have ended, or a reset is due."""
        open_sides = set(routes)
        discarding = set()
        deadline = time.monotonic() + LIMIT
        while open_sides and time.monotonic() < deadline:
            for sock in select.select(open_sides, [], [], 1)[0]:
                other, tap = routes[sock]
                chunk = sock.recv(65536)
                if not chunk:
                    open_sides.discard(sock)
                if sock in discarding:
                    continue
                if not chunk:
                    self._end(other)
                elif not self._pass_on(other, tap, chunk):
                    if self.how == "rst":
                        return
                    ended = {sock} if self.how == "half" else set(routes) - discarding
                    for side in ended if self.how != "stall" else ():
                        self._end(routes[side][0])
                    discarding |= ended

    def _pass_on(self, other, tap, chunk):
        """False if the tap cut the connection."""
        try:
            for piece in tap.take(chunk):
                tap.passed += piece
                other.sendall(piece)
        except Severed:
            self.severed = True
            return False
        return True

    @staticmethod
    def _end(sock):
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already
