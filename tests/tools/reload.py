"""What SIGHUP does to who may call, to who is called, and to what runs.

usage: reload.py SUBJECT     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import errno
import os
import random
import signal
import socket
import threading
import time

import daemons
from daemons import check

AGAIN = "the peers were read again"
TRANSFERS = 8
RELOADS = 30
SIZE = 4 << 20


def _line(who, options=""):
    with open(f"{who}/identity.pub", encoding="ascii") as file:
        return f"{options} {file.read()}"


def _write_peers(who, *lines):
    with open(f"{who}/peers", "w", encoding="ascii") as file:
        file.writelines(lines)


def _reload(daemon, says=AGAIN):
    count = daemon.log().count(says) + 1
    daemon.signal(signal.SIGHUP)
    daemon.logged(says, count)


def _ask(sock, said):
    """Whether what is said comes back."""
    try:
        sock.sendall(said)
        return daemons.read_exactly(sock, len(said)) == said
    except ConnectionError:
        return False


def _is_let_in(near):
    try:
        with daemons.connect(near.address) as sock:
            return _ask(sock, b"hello")
    except ConnectionError:
        return False


def peers_change():
    """Calls and running channels of peers that are added, removed, expired, and back again."""
    target = daemons.Target(handle=daemons.echo)
    _write_peers("bob", _line("alice"))
    far = daemons.serve(target.address)
    near = {who: daemons.forward(far, "--ready-on", "listen", who=who, log=f"{who}.err")
            for who in ("alice", "carol")}
    check(_is_let_in(near["alice"]), "alice is not let in at the start")
    check(not _is_let_in(near["carol"]), "carol is let in before she is known")

    _write_peers("bob", _line("alice"), _line("carol"))
    running = daemons.connect(near["alice"].address)
    check(_ask(running, b"one"), "no channel")
    _reload(far)
    check(_is_let_in(near["carol"]), "carol is not let in once she is known")
    check(_ask(running, b"two"), "a channel that may go on was ended")

    for gone, why in (("", "ended: its key is no longer in the peers file"),
                      (_line("alice", 'expiry-time="20200101"'), "ended: its key has expired"),
                      (_line("alice", 'from="192.0.2.1"'), "ended: may not call from this address"),
                      (_line("alice", 'permit-target="other"'),
                       "ended: may not be joined to this target")):
        _write_peers("bob", gone, _line("carol"))
        others = daemons.connect(near["carol"].address)
        check(_ask(others, b"one"), "no channel of carol's")
        _reload(far)
        check(daemons.read_to_end(running) == (b"", "reset"), "not ended:", gone)
        far.logged(rf"alice \(.{{8}}\): {why} address=")
        check(not _is_let_in(near["alice"]), "still let in:", gone)
        check(_ask(others, b"two"), "carol's channel was ended as well")
        _write_peers("bob", _line("alice"), _line("carol"))
        _reload(far)
        running = daemons.connect(near["alice"].address)
        check(_ask(running, b"three"), "not let in again after:", gone)


def expiry_passes():
    """A key that expires may not call any more; its channel goes on until the peers are read again."""
    target = daemons.Target(handle=daemons.echo)
    _write_peers("bob", _line("alice"))
    far = daemons.serve(target.address)
    near = daemons.forward(far)
    running = daemons.connect(near.address)
    check(_ask(running, b"one"), "no channel")
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 5))
    _write_peers("bob", _line("alice", f'expiry-time="{end}"'))
    _reload(far)
    daemons.eventually(lambda: not _is_let_in(near), "the key expires")
    check(_ask(running, b"two"), "the channel was ended by the time alone")
    _reload(far)
    check(daemons.read_to_end(running) == (b"", "reset"), "the channel goes on after a reload")
    far.logged(r"alice \(.{8}\): ended: its key has expired address=")


def peer_files():
    """With --peer FILE alone, the files are what is read again; with --peer KEY, there is none."""
    target = daemons.Target(handle=daemons.echo)
    _write_peers("some", _line("alice"), _line("carol"))
    far = daemons.serve(target.address, "--peer", "some/peers")
    near = {who: daemons.forward(far, who=who, log=f"{who}.err") for who in ("alice", "carol")}
    running = daemons.connect(near["alice"].address)
    check(_ask(running, b"one"), "no channel")
    _write_peers("some", _line("carol"))
    _reload(far)
    check(daemons.read_to_end(running) == (b"", "reset"), "alice's channel goes on")
    far.logged(r"alice \(.{8}\): ended: its key is no longer in the peers file address=")
    check(not _is_let_in(near["alice"]) and _is_let_in(near["carol"]), "not as the file says")

    key = _line("alice").split()[0]
    far = daemons.serve(target.address, "--peer", key, log="key.err")
    _reload(far, "no file to read again")
    check(AGAIN not in far.log(), "it says that it has read something")


def broken_file():
    """A file that cannot be used changes nothing, and the log says what is wrong with it."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    near = daemons.forward(far)
    running = daemons.connect(near.address)
    check(_ask(running, b"one"), "no channel")
    for content, complaint in ((["nonsense\n"], "bob/peers, line 1"),
                               ([_line("carol"), _line("carol")], "bob/peers, line 2"),
                               ([_line("bob")], "own")):
        _write_peers("bob", *content)
        _reload(far, "the peers stay as they were")
        far.logged(complaint)
        check(_ask(running, b"two"), "a channel was ended by", content)
        check(_is_let_in(near), "alice is not let in any longer by", content)
    os.remove("bob/peers")
    os.symlink("peers", "bob/peers")
    _reload(far, "the peers stay as they were")
    far.logged(os.strerror(errno.ELOOP))
    _write_peers("alice", "nonsense\n")
    _reload(near, "the peer stays as it was")
    check(_ask(running, b"three") and _is_let_in(near), "the forwarder minds a broken file")


def forward_removed():
    """A forwarder's peer is removed, and comes back with another key: what runs is reset at both
    programs, and neither takes a part for the whole."""
    chain = daemons.Chain()
    near = chain.forward

    def running():
        pair = chain.connection()
        pair[0].sendall(b"some")
        check(daemons.read_exactly(pair[1], 4) == b"some", "no channel")
        return pair

    pair = running()
    for changed in (_line("carol"), _line("carol").replace("carol", "bob")):
        _write_peers("alice", changed)
        _reload(near)
        for name, sock in zip(("near", "far"), pair):
            check(daemons.read_to_end(sock) == (b"", "reset"), name, "sees no reset")
        check(not _is_let_in(near), "the old key is still taken")
        _write_peers("alice", _line("bob"))
        _reload(near)
        pair = running()


def slow_target():
    """A peer is removed while a target that is slow has much of it still to come: it gets none of
    what waits, but a reset."""
    chain = daemons.Chain()
    near, far = chain.connection()
    threading.Thread(target=_flood, args=(near,), daemon=True).start()
    got = after = 0
    while True:
        try:
            count = len(far.recv(4096))
        except ConnectionResetError:
            break
        got += count
        time.sleep(0.005)  # it is slow
        if after:
            after += count
        elif got > 200000:
            _write_peers("bob", _line("carol"))
            _reload(chain.serve)
            after = 1
        check(after < 1000000, "what waits is still written, or an end")
        check(count > 0, "an end")
    chain.serve.logged("alice .*: ended: its key is no longer in the peers file")


def _flood(sock):
    try:
        while True:
            sock.sendall(bytes(65536))
    except OSError:
        pass


def under_load():
    """Many reloads at both ends while there are transfers and new calls: all arrive whole."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    near = daemons.forward(far)
    done = threading.Event()

    def transfer(number):
        content = random.Random(number).randbytes(SIZE)
        rounds = 0
        while rounds == 0 or not done.is_set():
            with daemons.connect(near.address) as sock:
                sender = threading.Thread(target=_send_and_end, args=(sock, content))
                sender.start()
                check(daemons.read_to_end(sock) == (content, "end"), "transfer", number, "lost")
                sender.join()
            rounds += 1

    transfers = [threading.Thread(target=transfer, args=(number,)) for number in range(TRANSFERS)]
    for thread in transfers:
        thread.start()
    for number in range(RELOADS):
        _write_peers("bob", _line("alice"), *([_line("carol")] if number % 2 else []))
        _reload(far)
        _reload(near)
    done.set()
    for thread in transfers:
        thread.join()
    check("cut short" not in far.log() + near.log(), "something was cut short")


def _send_and_end(sock, content):
    sock.sendall(content)
    sock.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    daemons.run_subject([peers_change, expiry_passes, peer_files, broken_file, forward_removed, slow_target,
                         under_load])
