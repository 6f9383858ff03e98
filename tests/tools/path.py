"""The way to a server, which the tests of channels that stay look at and spoil."""

import contextlib
import socket
import threading

import daemons


class Path:
    """The way to a server, which counts who passes, and can swallow what they say."""

    def __init__(self, to):
        self.there = daemons.host_and_port(to)
        self.server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.made = self.open = self.passed = 0
        self.carried = []  # bytes, by connection
        self.swallows = []  # by connection, in their order
        self.silent = False  # to those who come from now on
        self.lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            near, _ = self.server.accept()
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        with self.lock:
            number = self.made
            self.made += 1
            self.open += 1
            self.swallows.append(self.silent)
            self.carried.append(0)
        with near, contextlib.suppress(OSError), socket.create_connection(self.there) as far:
            other = threading.Thread(target=self._pass, args=(number, far, near), daemon=True)
            other.start()
            self._pass(number, near, far)
            other.join()
        with self.lock:
            self.open -= 1

    def _pass(self, number, source, sink):
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                with self.lock:
                    self.passed += len(chunk)
                    self.carried[number] += len(chunk)
                if not self.swallows[number]:
                    sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def forget(self):
        """As a NAT does: what those say who are there now comes to nobody any more."""
        with self.lock:
            self.swallows = [True] * self.made
