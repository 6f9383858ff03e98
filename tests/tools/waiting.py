"""Connections that wait for a channel of forward, where the peer gives no other, or none at all.

usage: waiting.py SUBJECT      run in a directory with the folders alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import select
import signal

import daemons
import kith
from channels import NONE_SPARE, is_echoed, scene
from daemons import check, eventually


def one_for_all():
    """A peer that has one channel for all: each connection waits for it, and gets it in the end,
    though others come meanwhile that could have it."""
    far = daemons.serve(daemons.Target(handle=daemons.echo).address, "--max-per-peer", "1")
    near = daemons.forward(far, "-w", "1h", "-v", "--log-format", "json")
    first = daemons.carried(near.address)
    waiting = []
    for _ in range(4):
        waiting.append(daemons.connect(near.address))
        waiting[-1].sendall(b"some")
    eventually(lambda: "refused: too many connections" in far.log(), "nobody was refused")
    near.logged("closed during the handshake")
    near.signal(signal.SIGUSR1)
    near.logged('"peer":"is there".*"open":1\\b')
    check('"level":"error"' not in near.log(), "a peer whose channel is there is taken for lost")
    while waiting:
        first.close()
        ready, _, _ = select.select(waiting, [], [], kith.LIMIT)
        check(ready, "nobody who waits gets the channel")
        first = ready[0]
        check(daemons.read_exactly(first, 4) == b"some", "what comes is not what was said")
        waiting.remove(first)
    first.close()


def silent_calls():
    """Where calls are answered by nobody any more, but a channel is there: whoever waits for his own
    gets that one once it is done with, and so do those who come later."""
    _, way, near = scene("-w", "1h", *NONE_SPARE, serve_options=("-w", "1h"))
    first = daemons.carried(near.address)
    way.silent = True
    waiting = daemons.connect(near.address)
    waiting.sendall(b"some")
    eventually(lambda: way.made == 2, "nobody was called for who waits")
    first.close()
    check(daemons.read_exactly(waiting, 4) == b"some", "who waits has no channel")
    waiting.close()
    check(is_echoed(near.address), "nor has who comes later")


def silent_first():
    """A connection whose call nobody answers has the channel that was made for one after it."""
    _, way, near = scene("-w", "1h", *NONE_SPARE, serve_options=("-w", "1h"))
    way.silent = True
    waiting = daemons.connect(near.address)
    waiting.sendall(b"some")
    eventually(lambda: way.made == 1, "nobody was called")
    way.silent = False
    check(is_echoed(near.address), "who comes later has no channel")
    check(daemons.read_exactly(waiting, 4) == b"some", "who waits has none once that is done")


if __name__ == "__main__":
    daemons.run_subject([one_for_all, silent_calls, silent_first])
