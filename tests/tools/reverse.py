"""The reverse way, seen from outside: bob calls (serve --call) and has the target, alice is called
(forward --accept) and has the programs. carol calls as bob does, with a key of her own.

usage: reverse.py SUBJECT [ARGUMENT...]   run in a directory with the folders alice, bob and carol

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import contextlib
import os
import random
import re
import select
import signal
import socket
import threading
import time

import channels
import daemons
import kith
import proxy_header
from channels import answered, free_port, is_echoed
from daemons import check, eventually

PATIENCE = "25s"  # of a program that waits for who is only being started
NEAR = re.compile(r"kith: forward: (\S+): each connection is carried")
SHORT_S = 1.5  # without a channel: half of what a peer is said to be lost after


class Accept(daemons.Daemon):
    """alice waits for calls at address, and for programs at each of nears."""

    def __init__(self, *options, at="127.0.0.1:0", pairs=(("127.0.0.1:0", "bob"),),
                 log="accept.err", **streams):
        words = [word for pair in pairs for word in pair]
        if "--ready-on" not in options:
            options = ("--ready-on", "listen", *options)
        super().__init__("alice", "forward", ["--accept", at, *options], words, log, **streams)
        # The log has each of the addresses, as they are said one by one.
        said = NEAR.findall(self.log())
        self.nears = said[-len(pairs):]
        self.near = self.nears[0]


def call(far, *targets, options=(), who="bob", log="call.err", ready=True, **streams):
    """bob (or who) calls alice there, to have these targets used, from the first channel on."""
    if not ready:
        options = ("--ready-on", "listen", *options)
    return daemons.Daemon(who, "serve", ["--call", f"alice@{far.address}", *options], targets, log,
                          **streams)


def scene(*accept_options, call_options=(), handle=daemons.echo):
    """A target, who is called, the way there, and who calls."""
    target = daemons.Target(handle=handle)
    accept = Accept(*accept_options)
    path = channels.Path(accept.address)
    return accept, path, call(path, target.address, options=call_options)


def stop(*all_of_them):
    """All end in order."""
    for one in all_of_them:
        one.stop()


def lines(daemon, pattern):
    """How many lines of its log have this."""
    return len(re.findall(pattern, daemon.log()))


def carries(near_path, far_path):
    """Programs at both ends, by TCP or at paths; one connection after another on few channels."""
    far = daemons.Target(os.path.abspath("far") if far_path == "unix" else None,
                         handle=daemons.tell_back)
    local = os.path.abspath("near") if near_path == "unix" else "127.0.0.1:0"
    accept = Accept(pairs=[(local, "bob")])
    path = channels.Path(accept.address)
    caller = call(path, far.address)
    for number in range(12):
        said = random.Random(number).randbytes(100000 * (number % 3))
        check(is_echoed(accept.near, said), "the connection", number)
    check(path.made <= 6, "12 connections on", path.made, "channels")
    stop(accept, caller)


def at_once():
    """16 programs at once, each with one connection after another: nobody gets another's."""
    accept, path, caller = scene()

    def one(program):
        for number in range(10):
            said = random.Random(100 * program + number).randbytes(1 + 4000 * (number % 4))
            check(is_echoed(accept.near, said), "program", program, "connection", number)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(16)))
    check(path.made < 100, "160 connections were made on", path.made, "channels")
    eventually(lambda: path.open <= 2 + 8, "no more than 10 channels are kept, not", path.open)
    stop(accept, caller)


def spares():
    """Two channels are there before anybody needs them, and one that is taken is replaced."""
    accept, path, caller = scene()
    eventually(lambda: path.made == 2, "2 channels, but there are", path.made)
    with daemons.connect(accept.near) as sock:
        sock.sendall(b"hello")
        check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        eventually(lambda: path.made == 3, "a 3rd channel, but there are", path.made)
    stop(caller)
    caller = call(path, "1", options=("--spare", "4"))
    eventually(lambda: path.made == 7, "4 more channels, but there are", path.made)
    stop(accept, caller)


def lets_go():
    """Who calls closes what is too many, unused for too long, or too old; and replaces that."""
    accept, path, caller = scene(call_options=("--spare", "1", "--keep-time", "500ms"))
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            sock = stack.enter_context(daemons.connect(accept.near))
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "a connection")
    eventually(lambda: path.open == 1, "one channel is left, not", path.open)
    stop(caller)
    before = path.made
    caller = call(path, "1", options=("--channel-age", "1s"))
    lost = lines(accept, "lost") # while nobody called, on a slow machine
    eventually(lambda: path.made >= before + 6 and path.open <= 3, "new ones for old ones")
    check(lines(accept, "lost") == lost, "to be replaced is no loss:", accept.log())
    stop(accept, caller)


def waits():
    """With no channel a connection waits for one: for the handshake's timeout, and no longer."""
    accept = Accept("-w", "2s")
    check(answered(accept.near, b"hello") == (b"", "reset"), "a program is not reset")
    accept.logged("refused|has not called.*bob")
    target = daemons.Target(handle=daemons.echo)
    accept.stop()
    accept = Accept("-w", PATIENCE, log="patient.err")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        early = [pool.submit(is_echoed, accept.near, b"early %d" % n) for n in range(5)]
        time.sleep(0.2) # they are there by then, or come later: both are fine
        caller = call(accept, target.address)
        for number, one in enumerate(early):
            check(one.result(), "who came before the call:", number)
    stop(accept, caller)


def ready():
    """--ready-fd is told once the peer has called, by the first channel, and not by a PING on it."""
    port = free_port()
    reading, writing = os.pipe()
    process = kith.start("alice", "forward", "--accept", f"127.0.0.1:{port}", "--ready-fd", str(writing),
                         "--ping", "30s", "127.0.0.1:0", "bob", pass_fds=[writing])
    os.close(writing)
    eventually(lambda: _takes_calls(port), "it takes calls")
    check(not select.select([reading], [], [], 0.2)[0], "it is ready though nobody has called")
    far = type("Far", (), {"address": f"127.0.0.1:{port}"})
    caller = call(far, "1", options=("--spare", "1"))
    check(select.select([reading], [], [], 25)[0], "it is not ready though the peer has called")
    check(caller.address == f"127.0.0.1:{port}", "who calls says where it has called:",
          caller.address)
    with os.fdopen(reading) as told:
        said = told.read().split()
    check(said[0] == f"127.0.0.1:{port}" and len(said) == 2, "--ready-fd:", said)
    process.terminate()
    check(kith.status(process) == 0, "forward did not end in order")
    caller.stop()


def _takes_calls(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def named():
    """Targets by their names, and permit-target of the one who uses them."""
    one, two = (daemons.Target(handle=lambda sock, word=word: sock.sendall(word))
                for word in (b"one", b"two"))
    accept = Accept(pairs=[("127.0.0.1:0", "bob:one"), ("127.0.0.1:0", "bob:two"),
                           ("127.0.0.1:0", "bob"), ("127.0.0.1:0", "bob:three")])
    caller = call(accept, f"one={one.address}", f"two={two.address}")
    for _ in range(3):
        check(answered(accept.nears[0], b"") == (b"one", "end"), "the first target")
        check(answered(accept.nears[1], b"") == (b"two", "end"), "the second")
    check(answered(accept.nears[2], b"") == (b"", "reset"), "there is none without a name")
    check(answered(accept.nears[3], b"") == (b"", "reset"), "nor a third")
    accept.logged("no such target")
    caller.logged("asks for a target that does not exist.*three")
    caller.stop()
    with open("alice/identity.pub", encoding="ascii") as key, \
            open("bob/peers", "w", encoding="ascii") as peers:
        peers.write('permit-target="two" ' + key.read())
    caller = call(accept, f"one={one.address}", f"two={two.address}", log="permits.err")
    check(answered(accept.nears[0], b"") == (b"", "reset"), "one that is not permitted")
    check(answered(accept.nears[1], b"") == (b"two", "end"), "one that is")
    stop(accept, caller)


def two_peers():
    """Two who call with different keys: neither gets a connection that is for the other."""
    targets = {who: daemons.Target(handle=lambda sock, word=who.encode(): sock.sendall(word))
               for who in ("bob", "carol")}
    accept = Accept("-w", PATIENCE, pairs=[("127.0.0.1:0", "bob"), ("127.0.0.1:0", "carol")])
    with daemons.connect(accept.nears[1]) as early: # before carol has called
        bob = call(accept, targets["bob"].address)
        for _ in range(10):
            check(answered(accept.nears[0], b"") == (b"bob", "end"), "bob's")
        check(not select.select([early], [], [], 0.2)[0], "carol's connection went to bob")
        carol = call(accept, targets["carol"].address, who="carol", log="carol.err")
        check(daemons.read_to_end(early) == (b"carol", "end"), "the one that waited for carol")
    for _ in range(10):
        check(answered(accept.nears[0], b"") == (b"bob", "end"), "bob's")
        check(answered(accept.nears[1], b"") == (b"carol", "end"), "carol's")
    bob.stop()
    check(answered(accept.nears[1], b"") == (b"carol", "end"), "carol's, without bob")
    accept.logged("bob: the peer is lost")
    check(lines(accept, "carol: the peer is lost") == 0, "carol is not lost")
    stop(accept, carol)


def wrong_kinds():
    """Who calls with the wrong word, and who is called with it: the log says which side lacks it."""
    target = daemons.Target()
    plain = daemons.serve(target.address, log="plain.err")
    with open("bob/identity.pub", encoding="ascii") as key, \
            open("carol/peers", "w", encoding="ascii") as peers:
        peers.write(key.read())
    lacking = daemons.Daemon("carol", "serve", ["--call", f"bob@{plain.address}", "--ready-on",
                                                "listen"], ["1"], "lacking.err")
    plain.logged("wants a kind of channel that is not offered here; it is a kith serve --call.*--accept")
    lacking.logged("closed during the handshake; .*no forward --accept")
    stop(plain, lacking)
    with open("alice/identity.pub", encoding="ascii") as key, \
            open("carol/peers", "w", encoding="ascii") as peers:
        peers.write(key.read())
    accept = Accept(pairs=[("127.0.0.1:0", "bob"), ("127.0.0.1:0", "carol")])
    near = daemons.Daemon("carol", "forward", ["--ready-on", "listen"],
                          ["127.0.0.1:0", f"alice@{accept.address}"], "near.err")
    accept.logged("wants a kind of channel that is not offered here; .*kith serve --call")
    near.stop()
    stranger = kith.start("carol", "dial", f"alice@{accept.address}")
    check(kith.status(stranger) == 5, "a dial is let in")
    accept.logged("carol .*is not offered here; .*kith serve --call", 2)
    accept.stop()


def caller_killed():
    """Who calls is killed and started again: one line each way, and programs are served again."""
    accept, path, caller = scene("-w", "2s")
    eventually(lambda: is_echoed(accept.near), "a connection")
    accept.logged("bob: the peer has called")
    with daemons.carried(accept.near) as sock:
        caller.process.kill()
        caller.process.wait()
        check(daemons.read_to_end(sock) == (b"", "reset"), "what is carried is not reset")
    accept.logged("bob: the peer is lost")
    check(answered(accept.near, b"hello") == (b"", "reset"), "a program is not reset")
    target = daemons.Target(handle=daemons.echo)
    caller = call(path, target.address)
    accept.logged("bob: the peer is there again")
    eventually(lambda: is_echoed(accept.near), "a connection to who is back")
    for pattern in ("has called", "is lost", "there again"):
        check(lines(accept, "bob: the peer " + ("is " if "is" not in pattern and "has" not in pattern
                                                else "") + pattern) == 1,
              "not one line:", pattern, accept.log())
    stop(accept, caller)


def accept_killed():
    """Who is called is killed and started again: back by itself, one line each way."""
    port = free_port()
    target = daemons.Target(handle=daemons.echo)
    accept = Accept(at=f"127.0.0.1:{port}")
    caller = call(accept, target.address)
    for again in range(2):
        check(is_echoed(accept.near), "a connection", again)
        accept.process.kill()
        accept.process.wait()
        caller.logged("alice .*cannot be reached", again + 1)
        accept = Accept(at=f"127.0.0.1:{port}")
        check(is_echoed(accept.near), "the first that comes, before the call", again)
        caller.logged("the peer is there again", again + 1)
    check(lines(caller, "cannot be reached") == 2, "not one line each:", caller.log())
    stop(accept, caller)


def restarted():
    """Either side is restarted in order, under short connections: who waits is not lost."""
    accept, path, caller = scene(handle=daemons.tell_back)
    target = daemons.Target(handle=daemons.tell_back)
    over, done, long = threading.Event(), [], 0

    def load(program):
        for number in range(10000):
            if over.is_set():
                return
            said = b"%d %d" % (program, number)
            check(is_echoed(accept.near, said), "lost:", said)
            done.append(said)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        loads = [pool.submit(load, program) for program in range(4)]
        for _ in range(2):
            before = len(done)
            eventually(lambda n=before: len(done) > n + 40, "connections")
            begin = time.monotonic()
            caller.stop()
            caller = call(path, target.address)
            long += time.monotonic() - begin > SHORT_S
        before = len(done)
        eventually(lambda: len(done) > before + 40, "connections after it")
        over.set()
        concurrent.futures.wait(loads)
    check(lines(accept, "is lost") <= long, "so short an absence is no loss:", accept.log())
    stop(accept, caller)


def drained(side):
    """SIGTERM to one side: what is carried goes on to its end, and nothing begins."""
    accept, path, caller = scene()
    ending, other = (accept, caller) if side == "accept" else (caller, accept)
    with daemons.connect(accept.near) as sock:
        sock.sendall(b"hello")
        check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        ending.signal(signal.SIGTERM)
        ending.logged("waiting for 1 channel")
        eventually(lambda: path.open == 1, "channels that carry nothing are closed")
        sock.sendall(b"more")
        check(daemons.read_exactly(sock, 4) == b"more", "what is carried goes on")
        sock.shutdown(socket.SHUT_WR)
        check(daemons.read_to_end(sock) == (b"", "end"), "to its end")
    ending.ends(0)
    other.stop()


def removed(side):
    """A key that is removed: SIGHUP ends its channels at once, with and without a connection."""
    accept, path, caller = scene("-w", "1s")
    daemon, who = (accept, "alice") if side == "accept" else (caller, "bob")
    with daemons.carried(accept.near) as sock:
        with open(f"{who}/peers", encoding="ascii") as peers:
            before = peers.read()
        with open(f"{who}/peers", "w", encoding="ascii") as peers:
            peers.write("# nobody\n")
        daemon.signal(signal.SIGHUP)
        check(daemons.read_to_end(sock) == (b"", "reset"), "what is carried is not reset")
    daemon.logged("ended: its key is no longer in the peers file")
    eventually(lambda: path.open == 0, "no channel is left, but there are", path.open)
    check(answered(accept.near, b"hello")[1] == "reset", "a program is served")
    with open(f"{who}/peers", "w", encoding="ascii") as peers:
        peers.write(before)
    daemon.signal(signal.SIGHUP)
    daemon.logged("the peers were read again", 2)
    eventually(lambda: is_echoed(accept.near), "served again")
    stop(accept, caller)


def moved():
    """A peer that is called by its name: SIGHUP has it called where it is by then, or not at all."""
    target = daemons.Target(handle=daemons.echo)
    accept = Accept()
    one, two = channels.Path(accept.address), channels.Path(accept.address)

    def is_at(path):
        with open("alice/identity.pub", encoding="ascii") as key, \
                open("bob/peers", "w", encoding="ascii") as peers:
            peers.write(f'addr="{path.address}" ' + key.read() if path else "# nobody\n")

    is_at(one)
    caller = daemons.Daemon("bob", "serve", ["--call", "alice"], [target.address], "call.err")
    check(is_echoed(accept.near), "a connection")
    is_at(two)
    caller.signal(signal.SIGHUP)
    eventually(lambda: one.open == 0 and two.open >= 2, "it is called elsewhere")
    check(is_echoed(accept.near), "a connection to who is elsewhere")
    is_at(None)
    caller.signal(signal.SIGHUP)
    caller.logged("alice: no longer called")
    eventually(lambda: two.open == 0, "no channel is left, but there are", two.open)
    is_at(one)
    caller.signal(signal.SIGHUP)
    check(is_echoed(accept.near), "a connection to who is called again")
    stop(accept, caller)


def conditions():
    """from and expiry-time of who calls hold at its call, and at a reload for what is there."""
    def admit(options):
        with open("bob/identity.pub", encoding="ascii") as key, \
                open("alice/peers", "w", encoding="ascii") as peers:
            peers.write(options + key.read())

    admit('from="127.0.0.0/8" ')
    accept, path, caller = scene()
    with daemons.connect(accept.near) as sock:
        sock.sendall(b"hello")
        check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        admit('from="192.0.2.1" ')
        accept.signal(signal.SIGHUP)
        check(daemons.read_to_end(sock) == (b"", "reset"), "what is carried is not reset")
    accept.logged("ended: may not call from this address")
    eventually(lambda: path.open == 0, "no channel is left, but there are", path.open)
    accept.logged("bob .*refused: may not call from this address")
    admit('expiry-time="20200101" ')
    accept.signal(signal.SIGHUP)
    accept.logged("bob .*refused: .*expired")
    admit("")
    accept.signal(signal.SIGHUP)
    check(is_echoed(accept.near), "served again")
    stop(accept, caller)


def forgotten():
    """Channels that a NAT has forgotten: the next one is asked beside, and the first to answer carries."""
    accept, path, caller = scene(call_options=("--spare", "3"))
    eventually(lambda: path.made == 3, "3 channels")
    with path.lock:
        path.swallows = [True] * 2 + [False]
    for _ in range(2):
        check(is_echoed(accept.near), "a connection beside those that were forgotten")
    path.forget()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(is_echoed, accept.near)
        caller.process.kill() # and all that is there is dead
        caller.process.wait()
        target = daemons.Target(handle=daemons.echo)
        caller = call(path, target.address)
        check(waiting.result(), "the one that has asked the dead")
    stop(accept, caller)


def pings():
    """Channels that carry nothing are asked whether they are there, and given up if not."""
    accept, path, caller = scene("--ping", "1s")
    eventually(lambda: path.made == 2, "2 channels")
    quiet = path.passed
    eventually(lambda: path.passed > quiet, "something passes")
    path.forget()
    eventually(lambda: path.made >= 4, "they are replaced; there are", path.made)
    check(is_echoed(accept.near), "a connection")
    stop(accept, caller)


def limits():
    """--max-per-peer of who is called: spare calls are refused, nobody is lost by that, and all is
    well once there is room."""
    accept, path, caller = scene("--max-per-peer", "2", call_options=("--spare", "2"))
    with daemons.connect(accept.near) as one, daemons.connect(accept.near) as two:
        for sock in (one, two):
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        # Those of the next try: by then the first have had their word.
        accept.logged("bob .*refused: too many connections of this peer", 3)
        check(lines(caller, "during the handshake|there again") == 0, "it flaps:", caller.log())
    eventually(lambda: is_echoed(accept.near), "a connection, once those are over")
    check(lines(accept, "lost|there again") == 0, "it flaps:", accept.log())
    stop(accept, caller)
    accept, path, caller = scene(call_options=("--max-connections", "2"))
    eventually(lambda: path.made == 2, "2 channels")
    with daemons.connect(accept.near) as one, daemons.connect(accept.near) as two:
        for sock in (one, two):
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        check(path.made == 2, "more channels than --max-connections:", path.made)
    eventually(lambda: is_echoed(accept.near), "a connection, once those are over")
    stop(accept, caller)


def limits_of_who_waits():
    """--max-per-peer of who is called counts those, too, whose target has not answered yet."""
    target = socket.socket(socket.AF_UNIX)
    target.bind("busy.sock")
    target.listen(0)
    others = [socket.socket(socket.AF_UNIX)]
    others[0].setblocking(False)
    while others[-1].connect_ex("busy.sock") == 0: # as long as it has room for one who waits
        others.append(socket.socket(socket.AF_UNIX))
        others[-1].setblocking(False)
    accept = Accept("--max-per-peer", "2")
    path = channels.Path(accept.address)
    caller = call(path, "./busy.sock")
    eventually(lambda: path.made == 2, "2 channels")
    with daemons.connect(accept.near), daemons.connect(accept.near):
        accept.logged("bob .*refused: too many connections of this peer")
    caller.process.kill()
    accept.process.kill()


def ends_while_asked():
    """At SIGTERM a connection whose channel does not answer is no reason to speak of a deadline."""
    accept, path, caller = scene()
    eventually(lambda: path.made == 2, "2 channels")
    caller.suspend()
    with daemons.connect(accept.near) as sock:
        sock.sendall(b"hello")

        def is_there():
            accept.signal(signal.SIGUSR1)
            return re.search("totals open=0 pending=[1-9]", accept.log())

        eventually(is_there, "the connection")
        accept.stop()
    check(lines(accept, "in time") == 0, "it says", accept.log())
    caller.signal(signal.SIGCONT)
    stop(caller)


def limits_of_each():
    """--max-per-peer is of a key, whatever name that has: two exchange theirs by SIGHUP."""
    accept = Accept("--max-per-peer", "2", pairs=[("127.0.0.1:0", "bob"), ("127.0.0.1:0", "carol")])
    targets = [daemons.Target(handle=daemons.echo) for _ in range(2)]
    bob = call(accept, targets[0].address)
    check(is_echoed(accept.near), "a connection to bob")
    with open("alice/peers", encoding="ascii") as peers:
        words = peers.read()
    exchanged = re.sub(" (bob|carol)$", lambda name: " carol" if name[1] == "bob" else " bob", words,
                       flags=re.MULTILINE)
    with open("exchanged", "w", encoding="ascii") as peers:
        peers.write(exchanged)
    os.rename("exchanged", "alice/peers")
    accept.signal(signal.SIGHUP)
    accept.logged("the peers were read again")
    carol = call(accept, targets[1].address, who="carol", log="carol.err")
    check(is_echoed(accept.near), "a connection to who is bob now")

    def both_have_two():
        accept.signal(signal.SIGUSR1)
        return re.findall(r"state .*kept=(\d+)", accept.log())[-2:] == ["2", "2"]

    eventually(both_have_two, "each has two channels; it says:", accept.log())
    stop(accept, bob, carol)


def told():
    """SIGUSR1 and the state: whether the peer is there, and how many channels carry nothing."""
    accept, path, caller = scene()
    eventually(lambda: path.made == 2, "2 channels")
    check(is_echoed(accept.near), "a connection")
    for daemon in (accept, caller):
        def tells(daemon=daemon): # a channel that was used comes back in a moment
            daemon.signal(signal.SIGUSR1)
            return lines(daemon, "state .*peer=is there kept=[23]") > 0
        eventually(tells, daemon.log_name, "tells that its peer is there:", daemon.log())
    stop(caller)
    accept.logged("is lost")
    accept.signal(signal.SIGUSR1)
    accept.logged("state .*peer=is not there kept=0")
    accept.stop()


def program():
    """A program for each connection (--exec), whose failure resets the local one."""
    accept = Accept()
    caller = call(accept, "--exec", "sh", "-c", 'read word; echo "$word $KITH_PEER_NAME"; exit 0')
    check(answered(accept.near, b"hello\n") == (b"hello alice\n", "end"), "what a program says")
    caller.stop()
    caller = call(accept, "--exec", "sh", "-c", "echo part; exit 3")
    check(answered(accept.near, b"")[1] == "reset", "the end of one that fails")
    stop(accept, caller)


def secret():
    """A secret namespace, of the run or of a peer's line: with another one there is no channel, and
    a reload that changes it ends those that are there."""
    for name in ("one", "two"):
        kith.status(kith.start("alice", "keygen", "--namespace", f"{name}.ns"))

    def lines_of(who, name):
        """who's line for the other one says this namespace."""
        other = "bob" if who == "alice" else "alice"
        with open(f"{other}/identity.pub", encoding="ascii") as key, \
                open(f"{who}/peers", "w", encoding="ascii") as peers:
            peers.write(f'namespace-file="{os.path.abspath(name)}.ns" ' + key.read())

    lines_of("alice", "one")
    lines_of("bob", "one")
    accept, path, caller = scene("-w", "2s")
    with daemons.carried(accept.near) as sock:
        lines_of("alice", "two")
        accept.signal(signal.SIGHUP)
        check(daemons.read_to_end(sock) == (b"", "reset"), "what is carried is not reset")
    eventually(lambda: path.open == 0, "no channel is left, but there are", path.open)
    accept.logged("refused: wrong namespace")
    check(answered(accept.near, b"hello")[1] == "reset", "a program is served")
    lines_of("bob", "two")
    caller.signal(signal.SIGHUP)
    eventually(lambda: is_echoed(accept.near), "served under the other")
    lines_of("bob", "one")
    caller.signal(signal.SIGHUP)
    eventually(lambda: path.open == 0, "no channel is left, but there are", path.open)
    stop(accept, caller)


def introduced():
    """A balancer before who is called says for whom (--accept-proxy), and a target is told where
    the channel goes (--proxy-protocol)."""
    with open("bob/identity.pub", encoding="ascii") as key, \
            open("alice/peers", "w", encoding="ascii") as peers:
        peers.write('from="192.0.2.7" ' + key.read())
    target = daemons.Target()
    accept = Accept("--accept-proxy", "127.0.0.0/8")
    wrong, right = (proxy_header.Balancer(accept, b"PROXY TCP4 %s 127.0.0.1 1234 9000\r\n" % source)
                    for source in (b"192.0.2.8", b"192.0.2.7"))
    caller = call(wrong, target.address, ready=False)
    accept.logged(r"bob .* at 192\.0\.2\.8:1234: refused: may not call from this address")
    caller.stop()
    caller = call(right, target.address, options=("--proxy-protocol",))
    with daemons.connect(accept.near) as sock:
        sock.sendall(b"stream")
        inner = target.accept()
        _, source, _, values = proxy_header.read_header(inner)
        check(daemons.read_exactly(inner, 6) == b"stream", "the stream does not follow")
        inner.close()
    check(source == daemons.host_and_port(right.address), "the header says", source)
    check(dict(values)[proxy_header.TYPE_NAME] == b"alice", "TLVs", values)
    stop(accept, caller)


def passed():
    """A supervisor's sockets: first that for calls, then each LOCAL's; and none for who calls."""
    launcher = ("python3", os.path.join(os.path.dirname(__file__), "listen_fds.py"))
    target = daemons.Target(handle=daemons.echo)
    for _ in range(10): # the first descriptors become the sockets
        os.open("/dev/null", os.O_RDONLY)
    accept = Accept(at="1", pairs=[("2", "bob"), ("3", "bob")],
                    launcher=(*launcher, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"))
    with open("given", encoding="ascii") as given:
        places = given.read().split()
    check(accept.address == places[0] and accept.nears == places[1:], "listened at",
          accept.address, accept.nears, "not", places)
    caller = call(accept, target.address)
    for near in accept.nears:
        check(is_echoed(near), "a connection")
    stop(accept, caller)
    for arguments in (("forward", "--accept", "1", "2", "bob"),
                      ("serve", "--call", "alice@127.0.0.1:1", "1")):
        process = kith.start("alice" if arguments[0] == "forward" else "bob", *arguments,
                             launcher=(*launcher, "127.0.0.1:0"))
        check(kith.status(process) == 4, arguments[0], "takes a socket that is none of its own")


if __name__ == "__main__":
    daemons.run_subject([
        carries, at_once, spares, lets_go, waits, ready, named, two_peers, wrong_kinds,
        caller_killed, accept_killed, restarted, drained, removed, conditions, forgotten, pings,
        limits, limits_of_who_waits, limits_of_each, ends_while_asked, told, program, introduced, passed,
        secret, moved,
    ])
