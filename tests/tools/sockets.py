"""Sockets of every kind as the ends of a channel: what a program that closes, breaks or dawdles
sees, and what becomes of what it has said.

usage: sockets.py SUBJECT [ARGUMENT...]     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import socket
import tempfile
import threading
import time

import cuts
import daemons
import kith
import proxy
from daemons import check

SIZE = 6000000


def _content(seed, size=SIZE):
    return random.Random(seed).randbytes(size)


def _path(kind, name):
    return os.path.abspath(name) if kind == "unix" else None


def _chain(local, target):
    return daemons.Chain(_path(local, "local"), _path(target, "target"))


def _read_slowly(sock, size=65536, pause=0.01):
    """All that comes, as a program takes it that has something to do meanwhile, and how it ends."""
    data = bytearray()
    try:
        while chunk := sock.recv(size):
            data += chunk
            time.sleep(pause)
    except ConnectionResetError:
        return bytes(data), "reset"
    except TimeoutError:
        return bytes(data), "nothing"
    return bytes(data), "end"


def _in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def target_closes(local, target):
    """A target that answers and closes: a slow reader has all of it, and the end."""
    chain = _chain(local, target)
    answer = _content(1)
    near, far = chain.connection()

    def answer_and_close():
        far.sendall(answer)
        far.close()

    _in_background(answer_and_close)
    got, how = _read_slowly(near)
    check(got == answer and how == "end", f"the slow reader has {len(got)} bytes and sees {how}")
    near.close()
    chain.serve.logged(": whole")
    chain.forward.logged(": whole")
    chain.stop()


def near_closes(local, target):
    """A near program that speaks and closes: a slow target has all of it, and the end."""
    chain = _chain(local, target)
    words = _content(2)
    near, far = chain.connection()

    def speak_and_close():
        near.sendall(words)
        near.close()

    _in_background(speak_and_close)
    got, how = _read_slowly(far)
    check(got == words and how == "end", f"the slow target has {len(got)} bytes and sees {how}")
    far.close()
    chain.serve.logged(": whole")
    chain.forward.logged(": whole")
    chain.stop()


class Leave(proxy.Tap):
    """Ends the dialer's direction right behind its receipt, the second frame of no more than a tag."""

    def take(self, chunk):
        yield chunk
        traffic = self.passed[cuts.HANDSHAKE["d2l"]:]
        if proxy.frames(traffic).count(cuts.TAG) == 2:
            raise proxy.Severed


def _dial_and_leave(far, content):
    """alice dials, and half-closes as soon as she has said her receipt: what she is told."""
    through = proxy.Proxy(daemons.host_and_port(far), d2l=Leave(), how="half")
    with cuts.stream_of(content) as d_in, tempfile.TemporaryFile() as d_out:
        dialer = kith.dial(through.address, stdin=d_in, stdout=d_out)
        status = kith.status(dialer)
        check(through.severed, "she said no receipt")
        return status, cuts.contents(d_out)


def leaves_program():
    """A peer that ends its side behind its receipt has ours, though our program still runs."""
    far = daemons.serve(["sh", "-c", "cat; exec >&-; sleep 0.5"])
    got = _dial_and_leave(far.address, b"hello")
    check(got == (0, b"hello"), "the peer has", got)
    far.logged(": whole")
    far.stop()


def leaves_slow_target(kind):
    """The same though our target has not taken yet what it said before."""
    content = _content(4)
    target = daemons.Target(_path(kind, "target"))
    far = daemons.serve(target.address)
    outcome = []
    dialer = _in_background(lambda: outcome.append(_dial_and_leave(far.address, content)))
    sock = target.accept()
    sock.shutdown(socket.SHUT_WR)
    got, how = _read_slowly(sock, pause=0.02)
    check(got == content and how == "end", f"the target has {len(got)} bytes and sees {how}")
    dialer.join(kith.LIMIT)
    check(outcome == [(0, b"")], "the peer has", outcome)
    far.logged(": whole")
    far.stop()


def _speak_urgently(sock):
    for word in (b"before", b"after", b"and at last"):
        sock.sendall(word)
        sock.send(b"!", socket.MSG_OOB)
    sock.shutdown(socket.SHUT_WR)


URGENT = b"before!after!and at last!"


def urgent(local, target):
    """What a program sends as urgent is carried in its place."""
    chain = _chain(local, target)
    for first in ("near", "far"):
        near, far = chain.connection()
        speaker, hearer = (near, far) if first == "near" else (far, near)
        _speak_urgently(speaker)
        got = daemons.read_to_end(hearer)
        check(got == (URGENT, "end"), "what", first, "says is heard as", got)
        near.close()
        far.close()
    chain.stop()


def _socket_pair(kind):
    """Two ends of one connection."""
    if kind == "unix":
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        return one, server.accept()[0]


def urgent_stdin(kind):
    """The same with a socket as stdin."""
    ours, its = _socket_pair(kind)
    with tempfile.TemporaryFile() as out:
        listener, address = kith.listen("--recv-only", stdout=out)
        dialer = kith.dial(address, stdin=its)
        _speak_urgently(ours)
        check((kith.status(dialer), kith.status(listener)) == (0, 0), "not whole")
        check(cuts.contents(out) == URGENT, "it is heard as", cuts.contents(out))


if __name__ == "__main__":
    daemons.run_subject([
        target_closes, near_closes, leaves_program, leaves_slow_target, urgent, urgent_stdin])
