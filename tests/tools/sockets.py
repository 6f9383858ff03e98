"""Sockets of every kind as the ends of a channel: what a program that closes, breaks or dawdles
sees, and what becomes of what it has said.

usage: sockets.py SUBJECT [ARGUMENT...]     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import socket
import threading
import time

import daemons
import kith
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


if __name__ == "__main__":
    daemons.run_subject([target_closes, near_closes])
