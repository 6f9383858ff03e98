"""A way that lies: carries what it is given to a command and back, and once tells one direction
other bytes than it was told.

usage: lying_way.py LIE DIRECTION AT COMMAND      LIE: flip, drop, repeat, inject
DIRECTION: up (to the command), down

The lie is about the byte number AT of that direction, and the 20 behind it. It is a file "lied" then."""

import contextlib
import os
import subprocess
import sys
import threading

LIES = {
    "flip": lambda told: bytes([told[0] ^ 1]) + told[1:],
    "drop": lambda told: b"",
    "repeat": lambda told: 2 * told,
    "inject": lambda told: bytes(len(told)) + told,
}
SIZE = 21


def carry(source, sink, lie, at):
    """Until the source ends, or nobody takes more."""
    with contextlib.suppress(BrokenPipeError):
        carry_all(source, sink, lie, at)
    os.close(sink)


def carry_all(source, sink, lie, at):
    """What comes, with the lie in it."""
    begin = b""
    while lie and len(begin) < at + SIZE:
        chunk = os.read(source, 65536)
        if not chunk:
            break
        if len(begin) + len(chunk) < at + SIZE:  # as it comes, up to the bytes that are lied about
            put(sink, chunk[:max(0, at - len(begin))])
            begin += chunk
            continue
        whole = begin + chunk
        put(sink, whole[min(len(begin), at):at] + lie(whole[at:at + SIZE]) + whole[at + SIZE:])
        with open("lied", "w", encoding="ascii"):
            begin = whole
    while chunk := os.read(source, 65536):
        put(sink, chunk)


def put(sink, data):
    """All of it."""
    while data:
        data = data[os.write(sink, data):]


def main():
    lie, direction, at, command = sys.argv[1:]
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as far:
        ways = {"up": (0, far.stdin.fileno()), "down": (far.stdout.fileno(), 1)}
        for name, (source, sink) in ways.items():
            threading.Thread(target=carry, daemon=True, args=(
                source, sink, LIES[lie] if name == direction else None, int(at))).start()
        status = far.wait()
        os._exit(status)


if __name__ == "__main__":
    main()
