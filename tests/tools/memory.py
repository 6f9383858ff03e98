"""Send much through a pipe, and say how much memory its two ends took at most.

usage: memory.py MIB LIMIT_KIB     run in a directory with alice and bob in it

Prints the two peaks; exits 1 if one is over the limit or what came out is not what went in."""

import hashlib
import os
import subprocess
import sys
import threading

import kith

BLOCK = 1 << 20


def feed(pipe, mib, digest):
    """Write mib blocks, each different, to a pipe that stays open."""
    block = os.urandom(BLOCK - 8)
    for number in range(mib):
        piece = block + number.to_bytes(8, "big")
        digest.update(piece)
        pipe.write(piece)
    pipe.flush()


def main():
    mib, limit_kib = int(sys.argv[1]), int(sys.argv[2])
    listener, address = kith.listen(stdout=subprocess.PIPE)
    dialer = kith.dial(address, stdin=subprocess.PIPE)
    sent, received = hashlib.sha256(), hashlib.sha256()
    feeder = threading.Thread(target=feed, args=(dialer.stdin, mib, sent), daemon=True)
    feeder.start()
    left = mib * BLOCK
    while left and (piece := listener.stdout.read1(min(left, BLOCK))):
        received.update(piece)
        left -= len(piece)
    feeder.join(kith.LIMIT)

    # All is through, and both are still there to be asked.
    peaks = [kith.memory_kib(end.pid, "VmHWM") for end in (dialer, listener)]
    dialer.stdin.close()
    ended = kith.status(dialer), kith.status(listener)
    print("dialer and listener took", *peaks, "KiB at most, and ended with", *ended)
    whole = left == 0 and sent.digest() == received.digest() and ended == (0, 0)
    print("what came out is", "whole" if whole else "not what went in")
    sys.exit(0 if whole and max(peaks) <= limit_kib else 1)


if __name__ == "__main__":
    main()
