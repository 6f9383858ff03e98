"""Those who have a good message, or a key that is known, and go on with it for longer than they may.

usage: persistence.py SUBJECT     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import contextlib
import dataclasses
import os
import random
import re
import signal
import socket
import time

import attacked
import attacks
import daemons
import kith
import speaker
import spoiled
from daemons import check
from speaker import frame, now


TOO_LATE = 7  # an exit status


def _say(victim, words):
    """All that is answered to this."""
    with victim.connect() as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(words)
        return daemons.read_to_end(sock)[0]


def _last_reason(victim, after):
    """The reason of the first refusal that comes after so many."""
    daemons.eventually(lambda: len(attacks.reasons(victim)) > after, "the log tells of it")
    return [*attacks.reasons(victim), "nothing"][after]


def _is_refused(victim, words, reason, name):
    before = len(attacks.reasons(victim))
    check(_say(victim, words) == b"", name, "is answered")
    said = _last_reason(victim, before)
    check(said.startswith(reason), name, "is told as:", said)


def _record(victim, people):
    """A whole handshake of alice's, and how she then leaves: both of her messages."""
    caller = speaker.Dialer(people.alice, people.bob.public)
    with victim.connect() as sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        sock.sendall(caller.message_3())
        check(attacked.is_echoed(caller, sock), "a good caller is not served")
    return frame(caller.hello_d), caller.message_3()


def replays():
    """What was recorded is worth nothing: to the same listener, to another one, and to the same
    that was started again, which answers a hello, and that is all there is to be had."""
    people = attacks.scene()
    victim = attacked.Serve()
    hello, confirmation = _record(victim, people)
    _is_refused(victim, hello, spoiled.SEEN, "a hello again")
    _is_refused(victim, hello + confirmation, spoiled.SEEN, "both messages again")
    victim.check_honest(people, "replays")
    victim.end()

    victim = attacked.Serve()
    with victim.connect() as sock:
        sock.sendall(hello)
        check(len(speaker.read_frame(sock)) == 215, "who was started again does not answer")
        sock.sendall(confirmation)
        check(daemons.read_to_end(sock)[0] == b"", "a recorded confirmation is answered")
    check(_last_reason(victim, 0).startswith(spoiled.CONFIRMATION), "it is not told of")
    _is_refused(victim, hello, spoiled.SEEN, "a hello once more")
    victim.check_honest(people, "replays")
    victim.end()

    far = daemons.serve(["cat"], "-p", "alice/identity.pub", who="carol", log="carol.err")
    with daemons.connect(far.address) as sock:
        sock.sendall(hello)
        check(daemons.read_to_end(sock)[0] == b"", "another listener answers")
    far.logged("refused: " + spoiled.NOT_FOR_US)
    far.stop()


def _until_stale(victim, hello):
    """Say a hello that was answered again and again, until its time is over."""
    end = time.monotonic() + kith.LIMIT
    reason, tries = "", 0
    while not reason.startswith(spoiled.CLOCKS) and time.monotonic() < end:
        before = len(attacks.reasons(victim))
        check(_say(victim, hello) == b"", "a hello is answered again")
        reason = _last_reason(victim, before)
        check(re.match(f"{spoiled.SEEN}|{spoiled.CLOCKS}", reason), "it is told as:", reason)
        tries += 1
        time.sleep(1.2)  # a log shows five of a kind
    check(reason.startswith(spoiled.CLOCKS), "it does not come to be too old")
    print(tries, "replays")


def replays_until_stale():
    """While a hello is fresh it is known, be its clock ahead of ours; after that it is too old."""
    people = attacks.scene()
    for ahead in (0, 500):
        victim = attacked.Serve("--max-handshake-age", "4s", "--synchrony-bound", "4s")
        caller = speaker.Dialer(people.alice, people.bob.public)
        with victim.connect() as sock:
            hello = caller.message_1(timestamp=now() + ahead)
            check(attacked.shake_hands(caller, sock, hello), "a good hello is not answered")
        _until_stale(victim, hello)
        victim.end()


def in_the_middle():
    """Who is between two that know it, and has a key that both know, gets neither's messages in the
    other's name: to alice it is not bob, and to bob it is not alice."""
    people = attacks.scene()
    victim = attacked.Serve()
    false_bob = attacked.FalseBob()
    process = kith.dial(false_bob.address, "-w", "1h")
    sock, heard = false_bob.take_call(people)
    ephemeral = heard.hello_d[32:64]
    between = speaker.Dialer(people.carol, people.bob.public)
    with victim.connect() as far, sock:
        far.sendall(between.message_1(ephemeral=ephemeral))
        answer = speaker.read_frame(far)
        check(len(answer) == 215, "a known peer is not answered")
        sock.sendall(frame(answer))
        check(daemons.read_to_end(sock)[0] == b"", "the dialer goes on with bob's answer to carol")
        far.sendall(frame(bytes(16)))
        check(daemons.read_to_end(far)[0] == b"", "the listener goes on")
    check(kith.status(process) == 5, "the dialer ended with", process.returncode)
    check(_last_reason(victim, 0).startswith(spoiled.CONFIRMATION), "the listener's reason")
    victim.check_honest(people, "somebody in the middle")
    victim.end()


def _befriend_mixed():
    """From here on bob knows a key of mixed order, and in the file "mixed" it is alice's bob."""
    with open("bob/peers", "a", encoding="ascii") as peers:
        peers.write(f"{spoiled.MIXED.public.hex()} mixed\n")
    with open("mixed", "w", encoding="ascii") as peers:
        peers.write(f"{spoiled.MIXED.public.hex()} bob\n")


def mixed_order():
    """A key of mixed order that is known is one as others are: by whatever signature is right for
    libcrypto it calls and is called, and by one that needs the cofactor it does not."""
    people = attacks.scene()
    _befriend_mixed()
    mixed, loose = (dataclasses.replace(people, alice=who, bob=who)
                    for who in (spoiled.MIXED, spoiled.LOOSE))
    victim = attacked.Serve()
    victim.check_honest(dataclasses.replace(mixed, bob=people.bob), "a key of mixed order:")
    wrong = speaker.Dialer(loose.alice, people.bob.public).message_1()
    _is_refused(victim, wrong, spoiled.SIGNATURE, "a signature that needs the cofactor")
    victim.check_honest(people, "a signature that needs the cofactor")
    victim.end()
    attacked.Dial("-a", "mixed").be_called(
        loose, lambda sock, listener: sock.sendall(frame(listener.answer())),
        "an answer that needs the cofactor", spoiled.SIGNATURE, 5)
    forward = attacked.Forward("--plain", "-a", "mixed")
    forward.check_honest(mixed, "a key of mixed order that is called:")
    forward.end()
    print(2, "attacks")


def _end_stalls(victim, people, callers):
    """An honest peer is served meanwhile, and each of them ends without a word."""
    victim.check_honest(people, "while", len(callers), "stall,")
    for sock in callers:
        rest, how = daemons.read_to_end(sock)
        check(rest == b"" and how in ("end", "reset"), "one that stalls:", len(rest), how)
        sock.close()
    victim.end()


def stalls():
    """Half a message, for every half: each is hung up on in time, and meanwhile others are served."""
    people = attacks.scene()
    victim = attacked.Serve("-w", "3s")
    callers = []
    for size in range(len(speaker.Dialer(people.alice, people.bob.public).message_1())):
        caller = speaker.Dialer(people.alice, people.bob.public)
        callers.append(victim.connect())
        callers[-1].sendall(caller.message_1()[:size])
    for size in range(20):
        caller = speaker.Dialer(people.carol, people.bob.public)
        callers.append(victim.connect())
        check(attacked.shake_hands(caller, callers[-1]), "a good hello is not answered")
        callers[-1].sendall(caller.message_3()[:size])
    _end_stalls(victim, people, callers)
    victim.daemon.refused("no handshake in time", len(callers))
    print(len(callers), "stalls")


def stalls_of_listen():
    """The same of listen, which goes on to wait for its guest."""
    people = attacks.scene()
    victim = attacked.Listen("-w", "3s")
    callers = []
    for size in range(0, 171, 7):
        caller = speaker.Dialer(people.alice, people.bob.public)
        callers.append(victim.connect())
        callers[-1].sendall(caller.message_1()[:size])
    _end_stalls(victim, people, callers)
    print(len(callers), "stalls")


def _stalls(size):
    def act(sock, listener):
        sock.sendall(frame(listener.answer())[:size])
        check(daemons.read_to_end(sock)[0] == b"", "something is said to one that stalls")
    return act


def stalled_dials():
    """Of dial and check, which end."""
    people = attacks.scene()
    jobs = [(victim("-w", "2s"), size) for victim in (attacked.Dial, attacked.Check)
            for size in range(0, 219, 15)]
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda job: job[0].be_called(
            people, _stalls(job[1]), f"an answer that stalls after {job[1]} bytes", spoiled.LATE, TOO_LATE),
            jobs))
    print(len(jobs), "stalls")


def stalled_answers():
    """The same for who calls: forward resets who is local in time."""
    people = attacks.scene()
    victim = attacked.Forward("--plain", "-w", "3s")
    pairs = []
    for size in range(0, 219, 3):
        near = daemons.connect(victim.daemon.address)
        sock, listener = victim.false_bob.take_call(people)
        sock.sendall(frame(listener.answer())[:size])
        pairs.append((near, sock))
    victim.check_honest(people, "while", len(pairs), "stall,")
    for near, sock in pairs:
        check(daemons.read_to_end(near) == (b"", "reset"), "who is local is not reset")
        check(daemons.read_to_end(sock)[0] == b"", "something is said to one that stalls")
        near.close()
        sock.close()
    daemons.eventually(lambda: len(victim.told()) == len(pairs), "each of them is told of")
    victim.end()
    print(len(pairs), "stalls")


def _flood(sock):
    """For a target: say more and more."""
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(bytes(1 << 16))


def never_reads():
    """A peer that reads nothing, however much there is for it, ends by its own idleness."""
    people = attacks.scene()
    target = daemons.Target(handle=_flood)
    far = daemons.serve(target.address, "--idle-timeout", "1s")
    descriptors, memory = far.descriptors(), far.rss_kib()
    held = []
    for _ in range(20):
        caller = speaker.Dialer(people.alice, people.bob.public)
        held.append(daemons.connect(far.address))
        check(attacked.shake_hands(caller, held[-1]), "a good hello is not answered")
        held[-1].sendall(caller.message_3())
    far.logged("nothing moved for the idle timeout", len(held))
    growth = far.rss_kib() - memory
    check("KITH_SANITIZED" in os.environ or growth < (20 << 10), "it took", growth, "KiB")
    attacked.check_nobody_has_a_place(far, descriptors)
    for sock in held:
        sock.close()
    far.stop()


def tiny_messages():
    """A byte a message, thousands of them, split anywhere: each byte arrives."""
    people = attacks.scene()
    victim = attacked.Serve()
    words = random.Random(1).randbytes(3000)
    caller = speaker.Dialer(people.alice, people.bob.public)
    with victim.connect() as sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        said = caller.message_3() + b"".join(caller.seal(words[at:at + 1]) for at in range(3000))
        said += caller.seal(b"")
        for at in range(0, len(said), 1001):
            sock.sendall(said[at:at + 1001])
        check(attacked.heard_to_end(caller, sock) == words, "they do not come back")
        sock.sendall(caller.seal(b""))
        check(caller.unseal(speaker.read_frame(sock)) == b"", "there is no receipt")
    victim.end()


def no_receipt():
    """A peer that never confirms what it was sent keeps no place for longer than the idle timeout."""
    people = attacks.scene()
    victim = attacked.Serve("--idle-timeout", "3s")
    caller = speaker.Dialer(people.alice, people.bob.public)
    with victim.connect() as sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        sock.sendall(caller.message_3() + caller.seal(b"words") + caller.seal(b""))
        check(attacked.heard_to_end(caller, sock) == b"words", "they do not come back")
        check(caller.unseal(speaker.read_frame(sock)) == b"", "there is no receipt of bob's")
        check(daemons.read_to_end(sock)[0] == b"", "more is said")
    victim.daemon.logged("alice.*nothing moved for the idle timeout")
    victim.end()


def _take_out(who, whom):
    """Whom has no line in the peers file of who any more; it is for who to notice."""
    with open(f"{who}/peers", encoding="ascii") as peers:
        others = [line for line in peers if not line.endswith(f" {whom}\n")]
    with open("new", "w", encoding="ascii") as peers:
        peers.writelines(others)
    os.rename("new", f"{who}/peers")


def removed_meanwhile():
    """A peer whose line is taken out while its handshake is under way is refused, by its name."""
    people = attacks.scene()
    victim = attacked.Serve()
    caller = speaker.Dialer(people.alice, people.bob.public)
    with victim.connect() as sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        _take_out("bob", "alice")
        victim.daemon.signal(signal.SIGHUP)
        victim.daemon.logged("the peers were read again")
        sock.sendall(caller.message_3())
        check(daemons.read_to_end(sock)[0] == b"", "it is let in")
    victim.daemon.logged("alice .* at 127.0.0.1:[0-9]*: refused: its key is no longer in the peers")
    victim.daemon.stop()


def removed_on_the_way_back():
    """The same of forward --accept."""
    people = attacks.scene()
    forward = daemons.Daemon(
        "bob", "forward", ["--accept", "127.0.0.1:0", "--ready-on", "listen"],
        ["127.0.0.1:0", "alice"], "accept.err")
    door = re.search(r"(127.0.0.1:\d+): waits for calls", forward.log())[1]
    caller = speaker.Dialer(people.alice, people.bob.public, namespace=b"kith\0kept-back/1")
    with attacked.connect(door) as sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        _take_out("bob", "alice")
        forward.signal(signal.SIGHUP)
        forward.logged("the peers were read again")
        sock.sendall(caller.message_3())
        check(daemons.read_to_end(sock)[0] == b"", "it is let in")
    forward.logged("alice .* at 127.0.0.1:[0-9]*: refused: its key is no longer in the peers")
    forward.stop()


def the_only_one_removed():
    """The same of a serve that has this caller alone: it is an error, and the status says so."""
    people = attacks.scene()
    sock, theirs = socket.socketpair()
    with open("inetd.err", "wb") as stderr:
        serve = kith.start("bob", "serve", "--inetd", "--log-format", "json", "--exec", "cat",
                           stdin=theirs, stdout=theirs, stderr=stderr)
    theirs.close()
    caller = speaker.Dialer(people.alice, people.bob.public)
    with sock:
        check(attacked.shake_hands(caller, sock), "a good hello is not answered")
        _take_out("bob", "alice")
        serve.send_signal(signal.SIGHUP)
        daemons.eventually(lambda: "the peers were read again" in _read("inetd.err"), "it reads them again")
        sock.sendall(caller.message_3())
        check(daemons.read_to_end(sock)[0] == b"", "it is let in")
    check(kith.status(serve) == 8, "it ended with", serve.returncode)
    check(re.search('"error".*alice .*no longer in the peers', _read("inetd.err")), "it says",
          _read("inetd.err"))


def called_and_removed():
    """A peer that is called, and whose line is taken out before it answers, is named likewise."""
    people = attacks.scene()
    bob = attacked.FalseBob()
    address = "%s:%d" % bob.address
    serve = daemons.Daemon(
        "alice", "serve", ["--spare", "1", "--ready-on", "listen", "--call", f"bob@{address}"],
        ["127.0.0.1:1"], "call.err")
    sock, hello = bob.take_hello()
    listener = speaker.Listener(people.bob, hello, namespace=b"kith\0kept-back/1")
    with sock:
        _take_out("alice", "bob")
        serve.signal(signal.SIGHUP)
        serve.logged("the peers were read again")
        sock.sendall(frame(listener.answer()))
        daemons.read_to_end(sock)
    serve.logged("bob .* at 127.0.0.1:[0-9]*: refused: its key is no longer in the peers")
    serve.stop()


def _read(path):
    with open(path, encoding="ascii") as text:
        return text.read()


if __name__ == "__main__":
    daemons.run_subject([
        replays, replays_until_stale, in_the_middle, mixed_order, stalls,
        stalls_of_listen, stalled_dials, stalled_answers, never_reads, tiny_messages, no_receipt,
        removed_meanwhile, removed_on_the_way_back, the_only_one_removed, called_and_removed])
