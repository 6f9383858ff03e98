"""Targets by name: several behind one port of serve, and what peers get of them.

usage: named.py SUBJECT         run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import attacks
import channels
import daemons
import kith
import records
from daemons import check, eventually


def greeter(word):
    """For a target: it speaks first, and then says back what it hears."""
    def handle(sock):
        sock.sendall(word)
        daemons.echo(sock)
    return handle


def serve(*targets, options=(), listen="127.0.0.1:0"):
    """bob serves these, with a log of its own."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("serve.err")
    return daemons.Daemon("bob", "serve", options, [listen, *targets], "serve.err")


def forward(server, name, *options, log="forward.err"):
    """alice forwards to one of them."""
    return daemons.Daemon("alice", "forward", options,
                          ["127.0.0.1:0", f"bob@{server.address}:{name}"], log)


def run(command, server, name="", said=b"", who="alice", options=()):
    """What it says to who waits for it: its status, stdout and stderr."""
    process = kith.start(who, command, *options, f"bob@{server.address}" + (name and ":" + name),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(said, kith.LIMIT)
    return process.returncode, out, err.decode()


def dial(server, name="", **more):
    """The same of a dial."""
    return run("dial", server, name, **more)


def bob_knows(**conditions):
    """bob's peers file: the conditions of each."""
    with open("bob/peers", "w", encoding="ascii") as peers:
        for who, options in conditions.items():
            with open(who + "/identity.pub", encoding="ascii") as key:
                peers.write(options + " " * bool(options) + key.read())


def one_port():
    """Targets of each kind behind one port, who speak first and who wait; each gets its own."""
    greets = daemons.Target(handle=greeter(b"hello\n"))
    waits = daemons.Target(os.path.abspath("waits"), handle=daemons.tell_back)
    other = daemons.Target(handle=greeter(b"other\n"))
    server = serve("greets=" + greets.address, other.address,
                   "a.B_-9=" + waits.address, "port=" + greets.address.rpartition(":")[2])
    expected = {"greets": b"hello\nwords", "a.B_-9": b"words", "port": b"hello\nwords",
                "": b"other\nwords"}
    for name, answer in expected.items():
        check(dial(server, name, said=b"words") == (0, answer, ""), "dial of", name)
    for name in list(expected)[:2]:
        near = forward(server, name, log="near.err")
        for _ in range(3):
            check(channels.answered(near.address, b"words") == (expected[name], "end"), "at", name)
        near.stop()
    server.logged(r"alice \(.*whole address=.* target=greets\n", 4)
    near = daemons.forward(server)
    check(channels.answered(near.address, b"words") == (expected[""], "end"), "at the unnamed one")
    near.stop()
    plain = daemons.forward(server, "--plain", log="plain.err")
    check(channels.answered(plain.address, b"words") == (expected[""], "end"), "at it, by --plain")
    plain.stop()
    server.stop()


def small_messages():
    """A name is asked for, and refused, though it is longer than a message of a stream may be."""
    target = daemons.Target(handle=daemons.tell_back)
    size = ("--max-message-size", "1")
    server = serve("db=" + target.address, options=size)
    check(dial(server, "db", said=b"words", options=size) == (0, b"words", ""), "at one byte")
    check(dial(server, "a" * 64, options=size)[0] == 5, "a refusal at one byte")
    near = forward(server, "db", *size)
    for _ in range(2):
        check(channels.answered(near.address, b"words") == (b"words", "end"), "kept, at one byte")
    near.stop()
    server.stop()


def all_named():
    """Without an unnamed one: who asks for none is refused, and the log says what to do."""
    target = daemons.Target(handle=daemons.echo)
    server = serve("db=" + target.address)
    status, out, err = dial(server)
    check((status, out) == (5, b"") and "PEER:NAME" in err, "a plain dial:", status, out, err)
    near = daemons.forward(server)
    check(channels.answered(near.address, b"words") == (b"", "reset"), "a program is not reset")
    near.logged("the peer has no such target for us; no target was asked for by name: PEER:NAME")
    server.logged("alice .*refused: asks for no target by name.*PEER:NAME", 2)
    near.stop()
    server.stop()


def refused():
    """A name that there is not, that is not permitted, that leads nowhere: status and words at
    dial, check and forward; and the next is served on the same channel."""
    target, gone = daemons.Target(handle=daemons.echo), daemons.Target()
    gone.close()
    bob_knows(alice='permit-target="db,dead"', carol=f'permit-target="{target.address}"')
    server = serve("db=" + target.address, "dead=" + gone.address, "web=" + target.address,
                   "far=" + os.path.abspath("nowhere"))
    for name, words in (("nothing", "no such target for us"), ("web", "no such target for us"),
                        ("dead", "cannot reach its target")):
        for command in ("dial", "check"):
            status, out, err = run(command, server, name)
            check((status, out) == (5, b""), command, name, status, out)
            check(re.fullmatch(f"kith: {command}: bob .*: the peer .*{words}: {name}; .*\n", err), err)
        near = forward(server, name, log=name)
        for _ in range(2):
            check(channels.answered(near.address, b"words") == (b"", "reset"), name, "no reset")
        near.logged(f"forward: bob@.*:{name}: the peer .*{words}", 2)
        near.stop()
    server.logged("alice .*refused: asks for a target that does not exist: nothing")
    server.logged("alice .*refused: may not be joined to this target: web.*permit-target")
    server.logged(f"alice .*cannot reach the target: dead, {gone.address}: Connection refused")
    check(dial(server, "db", said=b"x") == (0, b"x", ""), "db is permitted by its name")
    for name in ("db", "web"):
        check(dial(server, name, said=b"x", who="carol") == (0, b"x", ""), name, "by its address")
    check(run("check", server, "far", who="carol")[0] == 5, "another address is permitted")
    server.stop()


def checked():
    """check reaches a target by its address, and leaves it without a word; a slow one is not had."""
    seen = []
    target = daemons.Target(handle=lambda sock: seen.append(daemons.read_to_end(sock)))
    server = serve("db=" + target.address, target.address)
    status, out, err = run("check", server, "db")
    check(status == 0 and out.endswith(b"ours; target db is there, and permitted\n") and not err, status, out, err)
    eventually(lambda: seen == [(b"", "reset")], "the target is left:", seen)
    check("alice (" not in server.log(), "it is told as a stream:", server.log())
    status, out, _ = run("check", server)
    check(status == 0 and out.endswith(b"ours\n"), status, out)
    server.stop()


def programs():
    """Programs beside an address and a path: each by its name, what a shell makes of it, and for
    whom it may be; check starts none; one that fails fails its caller."""
    target = daemons.Target(handle=greeter(b"hello"))
    bob_knows(alice='permit-target="cat,who,fails,touch,nowhere,tcp,exec:echo a"', carol="")
    server = serve("tcp=" + target.address, "cat=exec:cat", "who=exec:echo $KITH_PEER_NAME  'a  b' | cat",
                   "fails=exec:echo some; exit 3", "touch=exec:touch started", "nowhere=exec:./nowhere",
                   "echo=exec:echo a", "waits=exec:echo; exec sleep 1000", "exec:echo unnamed")
    for name, said in (("cat", b"words"), ("who", b"alice a  b\n"), ("tcp", b"hellowords"),
                       ("echo", b"a\n")):
        check(dial(server, name, said=b"words") == (0, said, ""), "dial of", name)
    check(dial(server)[0] == 5, "the unnamed one is permitted")
    check(dial(server, said=b"x", who="carol") == (0, b"unnamed\n", ""), "the unnamed one")
    check(run("check", server, "touch")[0] == 0 and not os.path.exists("started"), "check starts it")
    check(dial(server, "touch")[0] == 0 and os.path.exists("started"), "it is not started")
    check(dial(server, "fails")[:2] == (8, b"some\n"), "one that fails")
    server.logged("exec:echo some; exit 3: with status 3")
    check(dial(server, "nowhere")[0] == 8, "one that is not there")
    near = forward(server, "fails")
    check(channels.answered(near.address, b"x")[1] == "reset", "a program is not reset")
    near.stop()
    near = daemons.Daemon("carol", "forward", (), ["127.0.0.1:0", f"bob@{server.address}:waits"],
                          "carol.err")
    with daemons.connect(near.address) as sock:
        check(daemons.read_exactly(sock, 1) == b"\n", "one that speaks first")
        before = len(kith.family(server.pid))
        daemons.reset(sock)
    eventually(lambda: len(kith.family(server.pid)) < before, "it is ended with its caller")
    near.stop()
    server.stop()


def slow():
    """A target that does not answer: who asks waits no longer than it has to, and says so."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    held = [socket.socket() for _ in range(4)]  # what fills its backlog
    for sock in held:
        sock.setblocking(False)
        sock.connect_ex(full.getsockname())
    address = "127.0.0.1:%d" % full.getsockname()[1]
    server = serve("slow=" + address, options=("-w", "2s"))
    for command in ("dial", "check"):
        status, _, err = run(command, server, "slow")
        check(status == 5 and "cannot reach its target: slow" in err, command, status, err)
    server.logged(f"cannot reach the target: slow, {address}: no answer in time")
    server.stop()
    server = serve("slow=" + address, options=("-w", "5s"))

    def says_so():  # unless the machine was slower than that with the handshake before
        status, _, err = run("check", server, "slow", options=("-w", "300ms"))
        return status == 7 and "did not tell in time" in err and "--handshake" in err

    eventually(says_so, "a check says that it is the target")
    server.stop()


def reloaded():
    """A name that is taken away by a reload: its stream is ended, the next is refused, and the
    others stay; a key by -p may have all."""
    target = daemons.Target(handle=daemons.echo)
    bob_knows(alice='permit-target="db,web"', carol="")
    server = serve("db=" + target.address, "web=" + target.address, target.address)
    near = {name: forward(server, name, "-w", "1s", log=name) for name in ("db", "web")}
    held = {name: daemons.carried(near[name].address) for name in near}
    bob_knows(alice='permit-target="web"', carol="")
    server.signal(signal.SIGHUP)
    check(daemons.read_to_end(held["db"]) == (b"", "reset"), "what is carried is not reset")
    server.logged("alice .*ended: may not be joined to this target")
    held["web"].sendall(b"again")
    check(daemons.read_exactly(held["web"], 5) == b"again", "what may go on does not")
    held["web"].close()
    check(channels.answered(near["db"].address, b"x") == (b"", "reset"), "db is to be had")
    eventually(lambda: channels.is_echoed(near["web"].address), "web is to be had")
    near["db"].logged("no such target for us")
    check(dial(server)[0] == 5, "the unnamed one is permitted")
    bob_knows(carol="")
    server.signal(signal.SIGHUP)
    server.logged("the peers were read again", 2)
    check(channels.answered(near["web"].address, b"x") == (b"", "reset"), "who is gone is served")
    for each in near.values():
        each.stop()
    server.stop()
    server = serve("db=" + target.address, options=("-p", "./alice/identity.pub"))
    check(dial(server, "db", said=b"x") == (0, b"x", ""), "a key by -p")
    server.stop()


def expired():
    """A key that expires while its channel is kept gets no further target."""
    target = daemons.Target(handle=daemons.echo)
    bob_knows(alice="")
    people, server = attacks.scene(), serve("db=" + target.address)
    opener = records.Opener(people, channels_to(server))
    opener.streams(b"in time", b"db")
    until = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 3))
    bob_knows(alice=f'expiry-time="{until}"')
    server.signal(signal.SIGHUP)
    server.logged("the peers were read again")
    eventually(lambda: time.time() > time.mktime(time.strptime(until, "%Y%m%d%H%M%SZ"))
               - time.timezone, "it is later")
    opener.say(records.OPEN + b"db")
    check(opener.ends("of who has expired") == b"", "something is said to who has expired")
    server.logged("alice .*ended: its key has expired")
    server.stop()


def channels_to(server):
    """What records.Opener connects to."""
    return type("There", (), {"connect": staticmethod(lambda: daemons.connect(server.address))})


def at_once():
    """Many connections at once to one of the targets, however they come by their channels: none of
    them gets another one."""
    target, other = daemons.Target(handle=daemons.echo), daemons.Target(handle=greeter(b"other"))
    server = serve("db=" + target.address, other.address)
    near = forward(server, "db")

    def one(_):
        return [channels.is_echoed(near.address) for _ in range(15)]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        check(all(map(all, pool.map(one, range(12)))), "one is joined to another target")
    near.stop()
    server.stop()


def restarted():
    """A server that is started again: who forwards to one of its targets comes to that one."""
    port = channels.free_port()
    target, other = daemons.Target(handle=daemons.echo), daemons.Target(handle=greeter(b"other"))
    words = ("db=" + target.address, other.address)
    server = serve(*words, listen=f"127.0.0.1:{port}")
    near = forward(server, "db")
    check(channels.is_echoed(near.address), "before")
    server.stop()
    server = serve(*reversed(words), listen=f"127.0.0.1:{port}")
    check(channels.is_echoed(near.address), "afterwards")
    near.stop()
    server.stop()


def hostile():
    """A known peer that asks for anything at all: none of it comes into the log as it is, and who
    is honest is served."""
    target = daemons.Target(handle=daemons.echo)
    people, server = attacks.scene(), serve("db=" + target.address)
    there = channels_to(server)
    honest = records.Opener(people, there)
    for name in (b"a" * 64, b"d", b"dbb", b"DB", b"exec", b"..", b"-", b"127.0.0.1", b""):
        honest.say(records.OPEN + name)
        honest.hears(records.REFUSE + b"\1", name)
    for name in (b"db\0", b"\0", b"db\n", b"\x1b[31m", b"a" * 65, b"5432", b"db:x", b"\xff", b"../db"):
        before = server.log().count(records.NONE)
        opener = records.Opener(people, there)
        opener.say(records.OPEN + name)
        opener.ends(name)
        eventually(lambda n=before: server.log().count(records.NONE) == n + 1, "the log of", name)
        honest.streams(b"after " + name, b"db")
    check(all(31 < ord(c) < 127 or c == "\n" for c in server.log()), "odd bytes in the log")
    server.logged("a target that does not exist: DB")
    for _ in range(500):
        honest.say(records.OPEN + b"x")
        honest.hears(records.REFUSE + b"\1")
    check(server.log().count("\n") < 40, "it fills the log:", server.log())
    honest.streams(b"at last", b"db")
    server.stop()


if __name__ == "__main__":
    daemons.run_subject([one_port, small_messages, all_named, refused, checked, programs, slow, reloaded, expired,
                         at_once, restarted, hostile])
