"""Strangers who want all the places of serve for themselves.

usage: places.py SUBJECT     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import contextlib
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time
import types

import daemons
import flood
import kith
from daemons import check

RATE = 250  # silent strangers a second
WATCHED_S = 4
TRIES = 4
LISTEN_FDS = os.path.join(os.path.dirname(__file__), "listen_fds.py")
REFUSAL_S = 0.045  # after its hello, before which nobody is hung up on; it is 0.05


def _connect(address, source):
    if daemons.is_path(address):
        return daemons.connect(address)
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    sock = socket.socket(family)
    sock.settimeout(kith.LIMIT)
    sock.bind((source, 0))
    sock.connect(daemons.host_and_port(address))
    return sock


def _still_there(socks):
    """How many of them nobody has hung up on."""
    gone = set()
    for sock in select.select(socks, [], [], 0)[0]:
        gone.add(sock)
    return len(socks) - len(gone)


def _lets_in(address, seconds):
    """carol is let in so soon, in one of some tries: the machine may stand still for as long."""
    return any(kith.status(kith.start("carol", "check", "-w", seconds, "bob@" + address)) == 0
               for _ in range(TRIES))


def few_descriptors():
    """Under a usual limit on descriptors strangers keep no honest caller out of --exec."""
    _keep_nobody_out(daemons.serve(["cat"], preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (1024, 1024))))


def few_connections():
    """The places of connections are none that strangers take."""
    _keep_nobody_out(daemons.serve(["cat"], "--max-connections", "4"))


def _keep_nobody_out(far):
    done = threading.Event()
    strangers = []

    def come():
        while not done.wait(1 / RATE):
            with contextlib.suppress(OSError):
                strangers.append(_connect(far.address, f"127.0.0.{2 + len(strangers) % 8}"))

    thread = threading.Thread(target=come)
    thread.start()
    daemons.eventually(lambda: len(strangers) >= 1.5 * RATE, "the strangers are there")
    refused = served = 0
    end = time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        status = kith.status(kith.dial(daemons.host_and_port(far.address)))
        served += status == 0
        refused += status != 0
    done.set()
    thread.join()
    check(served > 0 and refused == 0, served, "were served and", refused, "refused")
    for stranger in strangers:
        stranger.close()


def _share_of(far, sources, share):
    socks = [_connect(far.address, source) for source in sources]
    if not daemons.eventually(lambda: _still_there(socks) <= share, "they have", share, "places"):
        check(False, _still_there(socks), "of", len(socks), "are there")
    time.sleep(0.2)
    check(_still_there(socks) == share, _still_there(socks), "are there")
    return socks


def one_address_of_listen():
    """The same for a listener, who has 128 places."""
    listener, address = kith.listen("-w", "1h", stdin=subprocess.DEVNULL)
    socks = [_connect("%s:%d" % address, "127.0.0.1") for _ in range(128)]
    daemons.eventually(lambda: _still_there(socks) <= 64, "they have half of the places")
    listener.kill()
    listener.wait()


def one_address():
    """One address has half of the places, however fast it calls; another one has the others."""
    far = daemons.serve(["cat"], "--max-pending", "32", "-w", "1h")
    first = _share_of(far, ["127.0.0.1"] * 100, 16)
    second = _share_of(far, ["127.0.0.2"] * 100, 16)
    check(_still_there(first) + _still_there(second) == 32, "there are others now")
    for sock in first + second:
        sock.close()
    far.stop()


def few_descriptors_of_listen():
    """Silent strangers take no descriptor of a listener that it needs to sign for somebody."""
    with open("listen.err", "wb") as log:
        listener, address = kith.listen(
            "-w", "1h", stdin=subprocess.DEVNULL, stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)))
    socks = [_connect("%s:%d" % address, f"127.0.0.{2 + n}") for n in range(12)]
    near = kith.start("carol", "check", "-w", "20s", "bob@%s:%d" % address)
    check(kith.status(near) == 0, "an honest caller is kept out:", near.returncode)
    with open("listen.err", encoding="ascii") as log:
        check("private key failed" not in log.read(), "it blames its keeper")
    for sock in socks:
        sock.close()
    listener.kill()
    listener.wait()


def raised_limit_of_listen():
    """A listener has as many descriptors as it may, and so its 128 places."""
    listener, address = kith.listen(
        "-w", "1h", stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 1024)))
    for sock in _share_of(types.SimpleNamespace(address="%s:%d" % address), ["127.0.0.1"] * 80, 64):
        sock.close()
    listener.kill()
    listener.wait()


def one_user():
    """At a UNIX socket of a supervisor, a user is what an address is elsewhere."""
    path = os.path.abspath("given.socket")
    far = daemons.serve(["cat"], "--max-pending", "32", "-w", "1h",
                        launcher=(sys.executable, LISTEN_FDS, path))
    for sock in _share_of(far, [""] * 100, 16):
        sock.close()
    far.stop()


def one_balancer():
    """A balancer that has not said who calls has no more places than any other address."""
    far = daemons.serve(["cat"], "--max-pending", "32", "-w", "1h",
                        "--accept-proxy", "127.0.0.2/32")
    socks = _share_of(far, ["127.0.0.2"] * 100, 16)
    near = kith.start("carol", "check", "-w", "5s", "bob@" + far.address)
    check(kith.status(near) == 0, "an honest caller is kept out:", near.returncode)
    for sock in socks:
        sock.close()
    far.stop()


def one_network():
    """All addresses of an IPv6 network of 64 bits are one source."""
    far = daemons.serve(["cat"], "--max-pending", "8", "-w", "1h", listen="[2001:db8::1]:0")
    _share_of(far, [f"2001:db8::{n}" for n in range(1, 11)], 4)
    far.stop()


def forged():
    """Of a hello whose signature is wrong the same is said, whether its key is known or not, or has
    a namespace of its own; and nobody is hung up on before all that is looked at would have been."""
    hello, = flood.recorded_hellos(1)
    forged_hello = hello[:-1] + bytes([hello[-1] ^ 1])
    with open(os.open("bob/own.ns", os.O_WRONLY | os.O_CREAT, 0o600), "w") as secret:
        secret.write("a secret for alice and bob, of 32 bytes and more\n")
    with open("bob/peers") as lines, open("bob/owners", "w") as owners:
        owners.writelines('namespace-file="own.ns" ' + line for line in lines)
    for known, peers in (("alice", "bob/peers"), ("carol", "bob/peers"), ("alice", "bob/owners")):
        far = daemons.serve(["cat"], "-p", known, "-a", peers, log=f"{known}.err")
        with daemons.connect(far.address) as sock:
            begin = time.monotonic()
            sock.sendall(forged_hello)
            daemons.read_to_end(sock)
            check(time.monotonic() - begin >= REFUSAL_S, known, "is hung up on at once")
        far.logged("refused: wrong namespace or signature")
        far.stop()


def two_addresses():
    """However fast two addresses call, a third one has not to wait until they have been silent."""
    far = daemons.serve(["cat"], "--max-pending", "16")
    done = threading.Event()
    strangers = []

    def come(source):
        while not done.wait(1 / RATE):
            with contextlib.suppress(OSError):
                strangers.append(_connect(far.address, source))

    threads = [threading.Thread(target=come, args=(f"127.0.0.{n}",)) for n in (2, 3)]
    for thread in threads:
        thread.start()
    daemons.eventually(lambda: len(strangers) >= RATE, "the strangers are there")
    end = time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        check(_lets_in(far.address, "1s"), "an honest caller is kept out")
    done.set()
    for thread in threads:
        thread.join()
    for stranger in strangers:
        stranger.close()
    far.stop()


def one_key_of_listen():
    """The same for a listener: a known key wants all places, and silent ones come behind."""
    hellos = flood.recorded_hellos(128)
    listener, address = kith.listen("-w", "1h", stdin=subprocess.DEVNULL)
    callers = []
    for number, hello in enumerate(hellos):
        callers.append(_connect("%s:%d" % address, f"127.0.0.{2 + number % 3}"))
        with contextlib.suppress(ConnectionError):
            callers[-1].sendall(hello)
    check(callers[0].recv(1) != b"", "a hello is not answered")
    for _ in range(20):
        callers.append(_connect("%s:%d" % address, "127.0.0.3"))
    check(_lets_in("%s:%d" % address, "2s"), "another peer is kept out")
    listener.kill()
    listener.wait()


def replayed_at_listen():
    """A recorded hello takes no second place of a listener."""
    hello, = flood.recorded_hellos(1)
    with open("listen.err", "wb") as log:
        listener, address = kith.listen("-w", "1h", stdin=subprocess.DEVNULL, stderr=log)
    answers = []
    for _ in range(2):
        with _connect("%s:%d" % address, "127.0.0.1") as sock:
            sock.sendall(hello)
            answers.append(sock.recv(1))
    check(answers[0] != b"" and answers[1] == b"", "the first and the second had", answers)
    with open("listen.err", encoding="ascii") as log:
        check("a hello that was seen before" in log.read(), "it does not say why")
    listener.kill()
    listener.wait()


def one_key():
    """A known key that says hellos, and never a third message, leaves places to the others."""
    hellos = flood.recorded_hellos(120)
    far = daemons.serve(["cat"], "--max-pending", "16")
    callers = []
    for number, hello in enumerate(hellos):
        callers.append(_connect(far.address, f"127.0.0.{2 + number % 3}"))
        with contextlib.suppress(ConnectionError):
            callers[-1].sendall(hello)
        if number % 40 == 39:
            check(_lets_in(far.address, "2s"), "another peer is kept out")
    for caller in callers:
        caller.close()
    far.stop()


if __name__ == "__main__":
    daemons.run_subject([
        few_descriptors, few_connections, one_address, one_address_of_listen, few_descriptors_of_listen,
        raised_limit_of_listen, one_user, one_balancer, two_addresses, one_network, forged, one_key,
        one_key_of_listen, replayed_at_listen])
