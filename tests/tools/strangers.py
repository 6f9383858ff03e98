"""Strangers that know no key, all at once, at a listener that an honest peer wants to reach.

usage: strangers.py                run in a directory with alice and bob in it

Prints what went wrong; exits 1 if anything did."""

import os
import select
import socket
import sys
import tempfile
import threading
import time

import kith

GROWTH_KIB = 512  # what all strangers together may cost

# What strangers say, and how many of each kind there are. None of it is a hello.
KINDS = (
    (os.urandom(4096), 20),                     # garbage
    (b"\xff\xff\xff\xff" + bytes(64), 20),      # a frame of 4 GiB
    (b"\x00\x00\x00\x00", 20),                  # an empty frame
    (b"\x00\x00\x00\xa7", 20),                  # a hello that does not follow
    (b"", 200),                                 # nothing
)

_problems = []


def check(condition, *what):
    """Note a problem, and go on."""
    if not condition:
        _problems.append(" ".join(map(str, what)))


def connect_all(address):
    """Connect all of them; each has said what it says."""
    strangers = []
    for said, count in KINDS:
        for _ in range(count):
            stranger = socket.create_connection(address, kith.LIMIT)
            try:
                stranger.sendall(said)
            except ConnectionError:
                pass  # dropped already
            strangers.append(stranger)
    return strangers


def dribble(address, stop):
    """One that says its byte a second, and so never quite nothing."""
    with socket.create_connection(address, kith.LIMIT) as stranger:
        for byte in b"\x00\x00\x00\xa7" + bytes(167):
            try:
                stranger.sendall(bytes([byte]))
            except ConnectionError:
                return
            if stop.wait(1):
                return


def check_all_dropped(strangers):
    """Each is hung up on, and told nothing."""
    waiting = set(strangers)
    end = time.monotonic() + kith.LIMIT
    while waiting and time.monotonic() < end:
        for stranger in select.select(waiting, [], [], 1)[0]:
            try:
                check(stranger.recv(1) == b"", "a stranger was answered")
            except ConnectionError:
                pass
            waiting.discard(stranger)
    check(not waiting, len(waiting), "strangers are still connected")
    for stranger in strangers:
        stranger.close()


def main():
    content = os.urandom(1 << 20)
    with tempfile.TemporaryFile() as d_in, tempfile.TemporaryFile() as l_out:
        d_in.write(content)
        d_in.seek(0)
        listener, address = kith.listen("-w", "5s", stdout=l_out)
        before = kith.memory_kib(listener.pid, "RssAnon")

        strangers = connect_all(address)
        slow = threading.Thread(target=dribble, args=(address, threading.Event()))
        slow.start()
        growth = kith.memory_kib(listener.pid, "RssAnon") - before
        check_all_dropped(strangers)
        slow.join(kith.LIMIT)
        check(not slow.is_alive(), "a byte a second keeps a stranger connected")
        check(listener.poll() is None, "strangers ended the listener")

        strangers = connect_all(address)
        stop = threading.Event()
        slow = threading.Thread(target=dribble, args=(address, stop))
        slow.start()
        dialer = kith.dial(address, "-w", "20s", stdin=d_in)
        check(kith.status(dialer) == 0, "the honest dialer ended with", dialer.returncode)
        check(kith.status(listener) == 0, "the listener ended with", listener.returncode)
        stop.set()
        l_out.seek(0)
        check(l_out.read() == content, "what the honest peer sent has not arrived")
        check_all_dropped(strangers)

        print("memory grew by", growth, "KiB")
        check("KITH_SANITIZED" in os.environ or growth <= GROWTH_KIB, "memory grew by", growth, "KiB")
    print("\n".join(_problems))
    sys.exit(1 if _problems else 0)


if __name__ == "__main__":
    main()
