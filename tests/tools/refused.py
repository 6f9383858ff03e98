"""Strangers who want to fill a log.

usage: refused.py SUBJECT     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import contextlib
import json
import re
import signal
import socket

import daemons
import kith
from daemons import check

GARBAGE = b"\xff\xff\xff\xff" + bytes(64)
TOO_LONG = "a frame longer than allowed: not our protocol"
EMPTY = "an empty frame: not our protocol"
STRANGERS = 60
SHOWN = 5  # of a kind


def _stranger(address, said=GARBAGE, source="127.0.0.1"):
    """Somebody says this from there, and is turned away."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as sock:
        sock.settimeout(kith.LIMIT)
        sock.bind((source, 0))
        sock.connect(daemons.host_and_port(address))
        with contextlib.suppress(ConnectionError):
            sock.sendall(said)
        daemons.read_to_end(sock)


def _summed_up(log, kind):
    """How many of a kind are shown in full, and how many are counted in lines of their own."""
    counted = [line for line in log.splitlines() if " more refused in " in line]
    shown = sum(f"refused: {kind}" in line for line in log.splitlines())
    kinds = re.findall(re.escape(kind) + r" \((\d+)\)", "\n".join(counted))
    return shown, sum(map(int, kinds)), counted


def serve():
    """A few of each kind in full, and then how many, of which kinds, from how many addresses."""
    far = daemons.serve(["cat"])
    for number in range(STRANGERS):
        _stranger(far.address, source=f"127.0.0.{1 + number % 3}")
    for _ in range(SHOWN + 2):
        _stranger(far.address, bytes(4), "127.0.0.9")
    far.logged(EMPTY, SHOWN)
    far.stop()
    shown, counted, lines = _summed_up(far.log(), TOO_LONG)
    check(shown <= SHOWN * len(lines), shown, "are shown in full")
    check(shown + counted == STRANGERS, shown, "and", counted, "are not", STRANGERS)
    shown, counted, _ = _summed_up(far.log(), EMPTY)
    check(shown + counted == SHOWN + 2, "of the other kind", shown, "and", counted)
    # After each sum they are shown again, and it may be time for one at any place.
    sums = far.log().partition("no new calls")[0].count(" more refused in ")
    check(shown <= SHOWN * (1 + sums), shown, "of the other kind are shown in full")
    check(lines and "from 4 addresses" in lines[-1] or len(lines) > 1, "the addresses:", lines)
    check(len(far.log().splitlines()) < 30, "the log has", len(far.log().splitlines()), "lines")


def listen():
    """The same for listen, which sums up before it goes on with its guest."""
    with open("listen.err", "w+b") as log:
        listener, address = kith.listen(stderr=log)
        for number in range(STRANGERS):
            _stranger("%s:%d" % address, source=f"127.0.0.{1 + number % 2}")
        check(kith.status(kith.dial(address)) == 0, "the guest is not let in")
        check(kith.status(listener) == 0, "the listener ended with", listener.returncode)
        log.seek(0)
        said = log.read().decode("ascii")
    shown, counted, lines = _summed_up(said, TOO_LONG)
    check(shown + counted == STRANGERS, shown, "and", counted, "are not", STRANGERS)
    check(shown <= SHOWN * len(lines), shown, "are shown in full")
    check(len(lines) > 1 or "from 2 addresses" in lines[0], "the addresses:", lines)


def ended():
    """Also if a signal ends it, by which it ends as it would have."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with open("listen.err", "w+b") as log:
            listener, address = kith.listen(stderr=log)
            for _ in range(SHOWN + 3):
                _stranger("%s:%d" % address)
            listener.send_signal(number)
            check(kith.status(listener) == -number, "the listener ended with", listener.returncode)
            log.seek(0)
            shown, counted, _ = _summed_up(log.read().decode("ascii"), TOO_LONG)
        check((shown, counted) == (SHOWN, 3), shown, "and", counted, "at", number)


def in_time():
    """What is counted is said after ten seconds, though nobody calls meanwhile."""
    far = daemons.serve(["cat"])
    with open("listen.err", "w+b") as log:
        _, address = kith.listen(stderr=log)
        for _ in range(SHOWN + 1):
            _stranger(far.address)
            _stranger("%s:%d" % address)
        check(" more " not in far.log(), "it is said too early")
        far.logged(re.escape(TOO_LONG + " (1)"))
        log.seek(0)
        daemons.eventually(lambda: (TOO_LONG + " (1)").encode() in log.read() + log.seek(0) * b"",
                           "listen says it, too")
    far.stop()


def another_kind():
    """Among thousands of strangers the one whose clock is wrong, or who is unknown, is told of."""
    far = daemons.serve(["cat"], "-p", "alice")
    for _ in range(SHOWN * 2):
        _stranger(far.address)
    near = daemons.forward(far, "--plain", who="carol")
    daemons.check_turned_away(near)
    far.logged("refused: key not known, or not allowed here")
    near.stop()
    far.stop()


def one_network():
    """Addresses of one IPv6 network of 64 bits are one."""
    far = daemons.serve(["cat"], listen="[::]:0")
    port = daemons.host_and_port(far.address)[1]
    for number in range(2 * SHOWN):
        _stranger(f"[2001:db8::1]:{port}", source=f"2001:db8::{1 + number}")
        _stranger(f"[2001:db8:0:1::1]:{port}", source=f"2001:db8:0:1::{1 + number}")
    far.stop()
    check("from 2 addresses" in far.log(), "it says:", far.log())


def as_json():
    """As JSON it is JSON, and a note."""
    far = daemons.serve(["cat"], "--log-format", "json")
    for _ in range(SHOWN * 2):
        _stranger(far.address)
    far.stop()
    events = [json.loads(line) for line in far.log().splitlines()]
    check(any("5 more refused in" in event["why"] and event["level"] == "note" and
              event["which"] == far.address for event in events), "it says:", events)


def quiet():
    """With -q nothing of them is shown, and those that are hidden by default are not counted."""
    far = daemons.serve(["cat"], "-q")
    for _ in range(SHOWN * 2):
        _stranger(far.address)
    far.stop()
    check(far.log() == "", "it says:", far.log())
    far = daemons.serve(["cat"], log="other.err")
    for _ in range(SHOWN * 2):
        daemons.connect(far.address).close()

    def nobody_is_left():
        far.signal(signal.SIGUSR1)
        return "pending=0" in far.log()

    daemons.eventually(nobody_is_left, "they are gone")
    far.stop()
    check("refused" not in far.log(), "it says:", far.log())


if __name__ == "__main__":
    daemons.run_subject([serve, listen, ended, in_time, another_kind, one_network, as_json, quiet])
