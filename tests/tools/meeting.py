"""Meetings at terminals of their own: kith meet at both ends, or at one of them and somebody hostile
at the other, or in between.

usage: meeting.py SUBJECT     run in a directory with alice and bob in it, who have identities

The subject is one of the functions at the end. Exits with 1 and a line that says why if something
does not go as it should."""

import contextlib
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import terminal

KITH = os.environ["KITH"]
LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))
QUESTION, NAMING = "(yes/no)? ", "Your name for the other side"
STRANGER = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
sides = []


def check(holds, *what):
    if not holds:
        for side in sides:
            sys.stderr.write(f"--- {side.who} was shown:\n{side.shown}\n")
        sys.exit("not so: " + " ".join(map(str, what)))


def key_of(who):
    with open(f"{who}/identity.pub", encoding="ascii") as line:
        return bytes.fromhex(line.read().split()[0])


def peers_of(who):
    try:
        with open(f"{who}/peers", encoding="ascii") as peers:
            return peers.read()
    except FileNotFoundError:
        return None


class Side:
    """A kith meet, and who sits at its terminal."""

    def __init__(self, who, *arguments, launcher=()):
        self.who, self.shown, self.ended = who, "", None
        os.environ["KITH_DIR"] = who
        self.pid, self.terminal = terminal.spawn(
            ["env", "--default-signal=INT", "sh", "-c", 'exec "$@" >"$KITH_DIR/out"', "sh",
             *launcher, KITH, "meet", *arguments])
        sides.append(self)

    def look(self):
        try:
            while select.select([self.terminal], [], [], 0)[0]:
                chunk = os.read(self.terminal, 4096)
                if not chunk:
                    break
                self.shown += chunk.decode("utf-8", "replace").replace("\r\n", "\n")
        except OSError:  # nobody is left at it
            pass
        return self.shown

    def sees(self, text, count=1):
        end = time.monotonic() + LIMIT
        while self.look().count(text) < count:
            check(time.monotonic() < end and self.status(0) is None or self.look().count(text) >= count,
                  self.who, "sees", repr(text), count)
            select.select([self.terminal], [], [], 0.02)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def code(self):
        self.sees(QUESTION)
        return re.search(r"The code:  (\d{4} \d{4})\n", self.shown).group(1)

    def status(self, limit=LIMIT):
        """Its exit status, or minus the signal that has ended it; None if it goes on."""
        end = time.monotonic() + limit
        while self.ended is None:
            self.look()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= end:
                return None
            else:
                time.sleep(0.01)
        self.look()
        return self.ended

    def fails(self, status, *texts):
        check(self.status() == status, self.who, "ends with", status, "not", self.ended)
        for text in texts:
            check(text in self.shown, self.who, "says", text)
        check(peers_of(self.who) == before[self.who], "nothing was written by", self.who)
        with open(f"{self.who}/out", encoding="ascii") as out:
            check(out.read() == "", "nothing was printed by", self.who)

    def output(self):
        with open(f"{self.who}/out", encoding="ascii") as out:
            return out.read()


before = {who: peers_of(who) for who in ("alice", "bob")}


def waits(*arguments, who="bob", **how):
    side = Side(who, "--listen", "127.0.0.1:0", *arguments, **how)
    side.sees("kith meet ")
    port = re.search(r"Waiting at 127\.0\.0\.1:(\d+)\. .*: kith meet 127\.0\.0\.1:\1\s", side.shown)
    side.port = int(port.group(1))
    return side


def calls(port, *arguments, who="alice", **how):
    return Side(who, f"127.0.0.1:{port}", *arguments, **how)


def pair(*arguments):
    waiter = waits(*arguments)
    return calls(waiter.port, *arguments), waiter


def agree(*both):
    for side in both:
        side.sees(QUESTION)
        side.type("yes\n")
    for side in both:
        side.sees(NAMING)


# What somebody says who is not kith.


def frame(body):
    return struct.pack(">I", len(body)) + body


def values(key, name=b"mallory", nonce=bytes(32)):
    return key + nonce + name


def commit(opened):
    return hashlib.sha256(b"kith/meet/1/commit\0" + opened).digest()


def digest(committed, answer, opened):
    return hashlib.sha256(b"kith/meet/1/code\0" + committed + struct.pack(">I", len(answer)) + answer
                          + opened).digest()


def code(committed, answer, opened):
    digits = "%08d" % (int.from_bytes(digest(committed, answer, opened)[:8], "big") % 10**8)
    return digits[:4] + " " + digits[4:]


class Wire:
    """A connection of somebody who is not kith."""

    def __init__(self, port=None, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", port), LIMIT)
        self.sock.settimeout(LIMIT)

    def say(self, body):
        self.sock.sendall(frame(body))

    def exactly(self, count):
        got = b""
        while len(got) < count:
            chunk = self.sock.recv(count - len(got))
            if not chunk:
                raise EOFError
            got += chunk
        return got

    def hear(self):
        return self.exactly(struct.unpack(">I", self.exactly(4))[0])

    def is_closed(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True


class Trap:
    """Somebody hostile who waits to be called."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.port = self.listener.getsockname()[1]

    def take(self):
        return Wire(sock=self.listener.accept()[0])


# The subjects.


def whole():
    """Both get each other's key, under the name that each chooses; the caller with the address."""
    alice, bob = pair()
    check(alice.code() == bob.code(), "both are shown one code")
    for side, other in ((alice, bob), (bob, alice)):
        check(key_of(other.who).hex() in side.shown and key_of(side.who).hex() in side.shown,
              side.who, "is shown both keys")
    check("read the first four" in alice.shown and "read the last four" in bob.shown, "who reads what")
    agree(alice, bob)
    check("[bob]" in alice.shown and "[alice]" in bob.shown, "each is offered the other's name")
    alice.type("\n")
    bob.type("  al-home \n")
    check((alice.status(), bob.status()) == (0, 0), "both end well:", alice.ended, bob.ended)
    check(peers_of("alice") == (before["alice"] or "")
          + f'addr="127.0.0.1:{bob.port}" {key_of("bob").hex()} bob\n', "alice has bob's line")
    check(peers_of("bob") == (before["bob"] or "") + f'{key_of("alice").hex()} al-home\n',
          "bob has alice's line, without an address")


def printed():
    """--print writes no file."""
    alice, bob = pair("--print", "-n", "home")
    agree(alice, bob)
    alice.type("\n")
    bob.type("\n")
    check((alice.status(), bob.status()) == (0, 0), "both end well")
    check(alice.output() == f'addr="127.0.0.1:{bob.port}" {key_of("bob").hex()} home\n', "alice's line")
    check(bob.output() == f'{key_of("alice").hex()} home\n', "bob's line")
    check(peers_of("alice") == before["alice"] and peers_of("bob") == before["bob"], "no file")


def again(first="alice"):
    """Where one side has finished alone, the other gets its line in a second meeting."""
    second = "bob" if first == "alice" else "alice"
    line = f'addr="127.0.0.1:1" {key_of(second).hex()} before\n'
    with open(f"{first}/peers", "a", encoding="ascii") as peers:
        peers.write(line)
    alice, bob = pair()
    sides = {"alice": alice, "bob": bob}
    check(alice.code() == bob.code(), "both are shown one code")
    check("which is in the peers file here, as before" in sides[first].shown, first, "is told")
    check("in the peers file here" not in sides[second].shown, second, "is not")
    for side in (alice, bob):
        side.type("yes\n")
    sides[second].sees(NAMING)
    sides[second].type("\n")
    check((alice.status(), bob.status()) == (0, 0), "both end well:", alice.ended, bob.ended)
    check(NAMING not in sides[first].shown and "before: its key was in the peers file already"
          in sides[first].shown, first, "is asked for no name")
    check(peers_of(first) == (before[first] or "") + line, first, "has the line that was there")
    check(key_of(first).hex() + f" {first}\n" in peers_of(second), second, "has a line now")


def again_waiting():
    """The same of the one that waits."""
    again("bob")


def again_printed():
    """What is known is printed under its name."""
    with open("alice/peers", "a", encoding="ascii") as peers:
        peers.write(key_of("bob").hex() + " before\n")
    alice, bob = pair("--print")
    for side in (alice, bob):
        side.sees(QUESTION)
        side.type("yes\n")
    bob.sees(NAMING)
    bob.type("\n")
    check((alice.status(), bob.status()) == (0, 0), "both end well:", alice.ended, bob.ended)
    check(alice.output() == f'addr="127.0.0.1:{bob.port}" {key_of("bob").hex()} before\n', "alice's line")


def names():
    """A name that is taken, or is none, is asked for again; what another has added meanwhile counts."""
    alice, bob = pair()
    agree(alice, bob)
    for count, (name, why) in enumerate((("carol", "another peer's name"), ("a b", "a blank in it"),
                                         ("-x", "begins with"), ("yes", "A name is needed"), ("\x1b[1m", "control character"),
                                         ("late", "late is another peer's name")), 2):
        if name == "late":
            with open("alice/peers", "a", encoding="ascii") as peers:
                peers.write(f"{key_of('dave').hex()} late\n")
        alice.type(name.replace("\x1b", "\x16\x1b") + "\n")
        alice.sees(why)
        alice.sees(NAMING, count)
    alice.type("robert\n")
    bob.type("\n")
    check((alice.status(), bob.status()) == (0, 0), "both end well")
    check(peers_of("alice").endswith(f"{key_of('bob').hex()} robert\n"), "alice has bob's line")
    check(peers_of("alice").count("late") == 1, "and what was added meanwhile")


def known_meanwhile():
    """A key that another has added while its name is asked for is known, and nothing is added."""
    alice, bob = pair()
    agree(alice, bob)
    bob.sees(NAMING)
    with open("alice/peers", "a", encoding="ascii") as peers:
        peers.write(f"{key_of('bob').hex()} robert\n")
    alice.type("\n")
    bob.type("\n")
    check((alice.status(), bob.status()) == (0, 0), "both end well")
    alice.sees("its key was in the peers file already")
    check(peers_of("alice").count(key_of("bob").hex()) == 1, "bob's key is there once")


def refuse(side, other, text, status):
    """One side ends it at its question; the other is told, and nothing is written."""
    side.sees(QUESTION)
    other.sees(QUESTION)
    side.type(text)
    side.fails(status)
    other.fails(5, "the other side ended it", "do not use these keys")


def no():
    """No, an end, Ctrl-C, at either side, and after the other's yes."""
    for text, status in (("no\n", 5), ("\x04", 5), ("\x03", -signal.SIGINT)):
        for first in (0, 1):
            both = pair()
            refuse(both[first], both[1 - first], text, status)
    alice, bob = pair()
    alice.sees(QUESTION)
    alice.type("yes\n")
    alice.sees("Waiting for their yes")
    bob.sees(QUESTION)
    bob.type("NO\n")
    bob.fails(5, "you did not say yes")
    alice.fails(5, "the other side ended it")


def only_yes():
    """Nothing but the whole word is a yes, nor is one that was typed before the code was shown."""
    bob = waits()
    bob.type("yes\n")
    bob.sees("yes\n")
    alice = calls(bob.port)
    alice.sees(QUESTION)
    alice.type("yes\n")
    for count, word in enumerate(("y", "", "yes please", "yesyes", "ye", alice.code()), 2):
        bob.sees(QUESTION, count - 1)
        bob.type(word + "\n")
        bob.sees(QUESTION, count)
    check("Your name" not in bob.shown + alice.look(), "nothing follows")
    bob.type("no\n")
    bob.fails(5)
    alice.fails(5)


def half_typed():
    """A yes that was begun before the code was shown is none, with an Enter after it; nor a name."""
    bob = waits()
    bob.type("yes")
    bob.sees("yes")
    alice = calls(bob.port)
    bob.sees(QUESTION)
    bob.type("\n")
    bob.sees(QUESTION, 2)
    alice.sees(QUESTION)
    alice.type("yes\n")
    bob.type("yes\n")
    alice.sees(NAMING)
    alice.type("\n")
    check((alice.status(), NAMING in bob.look()) == (0, True), "it takes the whole word after it")
    bob.type("\n")
    check(bob.status() == 0, "which is one")


def no_name():
    """An end or Ctrl-C at the name: that side has written nothing; the other one has its line."""
    for text, status in (("\x04", 1), ("\x03", -signal.SIGINT)):
        alice, bob = pair()
        agree(alice, bob)
        alice.type(text)
        alice.fails(status, *(["meet: ended at a question; no name was given"] if status == 1 else []))
        bob.type("\x03")
        bob.fails(-signal.SIGINT)


def silent():
    """Callers that say nothing, or nonsense, or half, are in nobody's way."""
    bob = waits()
    idle = [Wire(bob.port) for _ in range(80)]
    idle[-1].sock.sendall(b"\0\0\0")
    nonsense = Wire(bob.port)
    nonsense.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    check(nonsense.is_closed(), "nonsense is hung up on")
    for body in (b"x", b"x" * 31, values(STRANGER)):
        other = Wire(bob.port)
        other.say(body)
        check(other.is_closed(), "no commit:", len(body))
    alice = calls(bob.port)
    check(alice.code() == bob.code(), "they meet all the same")
    check(all(wire.is_closed() for wire in idle), "and all others are closed")
    alice.type("no\n")
    alice.fails(5)
    bob.fails(5)


def _with_faults(who):
    """What starts a kith that faults.c, the library, does what KITH_FAULT says to."""
    board = os.path.abspath(f"board-{who}")
    with open(board, "wb") as file:
        file.truncate(1 << 20)
    return "env", "LD_PRELOAD=" + os.environ["FAULTS"], f"KITH_FAULT_BOARD={board}"


def without_random():
    """Who has no random number says nothing, be it the one that calls or the one that waits."""
    trap = Trap()
    alice = calls(trap.port, launcher=_with_faults("alice"))
    check(trap.take().is_closed(), "nothing is said by who calls")
    alice.fails(1, "libcrypto failed")
    bob = waits(launcher=_with_faults("bob"))
    wire = Wire(bob.port)
    wire.say(bytes(32))
    check(wire.is_closed(), "nothing is said by who waits")
    bob.fails(1, "libcrypto failed")


def hostile_caller():
    """What a caller may try: each ends the run, and nothing is shown as a code."""
    own = key_of("bob")
    bad = bytes(32)
    nonces = set() # a guess of the next one lets somebody in between try until the codes are the same
    for opened, said, status, why in (
            (values(STRANGER), values(STRANGER, nonce=b"\1" * 32), 5, "not the key that it had committed"),
            (values(STRANGER), values(key_of("alice")), 5, "not the key that it had committed"),
            (values(STRANGER), None, 5, "not the key that it had committed"),
            (values(own), values(own), 5, "our own key"),
            (values(bad), values(bad), 3, "not a valid public key"),
            (values(STRANGER, b"a\x1b[2J"), values(STRANGER, b"a\x1b[2J"), 5, "not a message of a meeting"),
            (values(STRANGER, b"a b"), values(STRANGER, b"a b"), 5, "not a message of a meeting"),
            (values(STRANGER, b""), values(STRANGER, b""), 5, "not a message of a meeting"),
            (values(STRANGER, b"x" * 64), values(STRANGER, b"x" * 64), 5, "not a message of a meeting"),
            (values(STRANGER), b"", 5, "not a message of a meeting")):
        bob = waits()
        mallory = Wire(bob.port)
        mallory.say(commit(opened))
        answer = mallory.hear()
        check(answer[:32] == own and answer[64:] == b"bob", "the answer is bob's")
        check(answer[32:64] not in nonces, "a nonce of bob's comes again")
        nonces.add(answer[32:64])
        mallory.say(answer if said is None else said)
        bob.fails(status, why)
        check("The code" not in bob.shown, "no code is shown")
    bob = waits()
    mallory = Wire(bob.port)
    mallory.say(commit(values(STRANGER)))
    mallory.hear()
    with contextlib.suppress(ConnectionRefusedError):
        Wire(bob.port)
        check(False, "there is no second try")
    mallory.sock.close()
    bob.fails(5, "the other side ended it", "somebody may be in between")
    bob = waits("-w", "1s")
    mallory = Wire(bob.port)
    mallory.say(commit(values(STRANGER)))
    mallory.hear()
    bob.fails(7, "no handshake in time", "somebody may be in between")


def hostile_waiter():
    """The same of one that is called."""
    own = key_of("alice")
    committed = set() # to one key and name: what differs is the nonce
    for answer, status, why in (
            (values(own), 5, "our own key"), (values(bytes(32)), 3, "not a valid public key"),
            (None, 5, "not a message of a meeting"), (values(STRANGER, b"a\nb"), 5, "not a message of a meeting")):
        trap = Trap()
        alice = calls(trap.port)
        wire = trap.take()
        heard = wire.hear()
        check(len(heard) == 32 and heard not in committed, "a commit, and a new one")
        committed.add(heard)
        wire.say(heard if answer is None else answer)
        check(wire.is_closed(), "alice opens nothing to", why)
        alice.fails(status, why)
        check("The code" not in alice.shown, "no code is shown")
        check(not select.select([trap.listener], [], [], 0.2)[0], "there is no second try")


def in_between():
    """Somebody in between has a meeting with each: the codes differ, and one no ends both."""
    bob = waits()
    trap = Trap()
    alice = calls(trap.port)
    to_alice, to_bob = trap.take(), Wire(bob.port)
    committed = to_alice.hear()
    ours = values(STRANGER, b"alice")
    to_bob.say(commit(ours))
    answer = to_bob.hear()
    forged = values(STRANGER, b"bob")
    to_alice.say(forged)
    opened = to_alice.hear()
    to_bob.say(ours)
    check(alice.code() == code(committed, forged, opened), "alice's code is of what she heard and said")
    check(bob.code() == code(commit(ours), answer, ours), "and bob's of his")
    check(alice.code() != bob.code(), "which differ")
    bob.type("no\n")
    bob.fails(5, "do not use these keys")
    check(to_bob.is_closed(), "bob has left")
    to_alice.sock.close()
    alice.fails(5, "the other side ended it")


def relayed():
    """Who only passes on what is said changes nothing; both codes are the same."""
    bob = waits()
    trap = Trap()
    alice = calls(trap.port)
    near, far = trap.take(), Wire(bob.port)
    far.say(near.hear())
    near.say(far.hear())
    far.say(near.hear())
    check(alice.code() == bob.code(), "one code")
    alice.type("yes\n")
    far.say(near.hear())
    bob.type("yes\n")
    near.say(far.hear())
    hello = bytearray(near.hear())
    hello[40] ^= 1
    far.say(bytes(hello))
    bob.fails(5, "do not use these keys")
    near.sock.close()
    alice.fails(5, "do not use these keys")


def bob_asked_about_mallory():
    """Both have opened, and bob is asked whether the code is the same."""
    bob = waits()
    mallory = Wire(bob.port)
    ours = values(STRANGER)
    mallory.say(commit(ours))
    mallory.hear()
    mallory.say(ours)
    bob.sees(QUESTION)
    return bob, mallory


def no_proof():
    """A key that was said but is not had: both said yes, and there is no handshake."""
    bob, mallory = bob_asked_about_mallory()
    mallory.say(b"\1")
    bob.type("yes\n")
    check(mallory.hear() == b"\1", "bob says yes")
    mallory.say(b"h" * 180)
    bob.fails(5, "do not use these keys")


def no_yes():
    """What is no yes of the other side, or more than one."""
    for said in (frame(b"\0"), frame(b"\2"), frame(b"\1\1"), frame(b""), frame(b"\1") * 2, b"\0\0\0\1\1h"):
        bob, mallory = bob_asked_about_mallory()
        mallory.sock.sendall(said)
        bob.fails(5, "not a message of a meeting", "do not use these keys")


def in_time():
    """From the answer on the other side has the handshake's time, whichever way it is silent."""
    bob = waits("-w", "2s")
    mallory = Wire(bob.port)
    mallory.say(commit(values(STRANGER)))
    mallory.hear()
    mallory.sock.sendall(b"\0\0")
    bob.fails(7)
    trap = Trap()
    calls(trap.port, "-w", "2s").fails(7)
    late = waits("-w", "2s")
    check(Wire(late.port).is_closed(), "a caller that says nothing has that time as well")
    late.type("\x03")
    late.fails(-signal.SIGINT)


def unwritable():
    """The line cannot be added: it is said, and the file is as it was."""
    alice, bob = pair()
    agree(alice, bob)
    os.chmod("alice/peers", 0o400)
    alice.type("\n")
    alice.fails(1, "kith: peers: alice/peers", "could not be added", key_of("bob").hex())
    os.chmod("alice/peers", 0o600)
    bob.type("\x03")
    bob.fails(-signal.SIGINT)


def listed():
    """A peers file that has an access list keeps it: nobody else may write it than before."""
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
        (1, 6, 2**32 - 1), (2, 6, 1234), (4, 0, 2**32 - 1), (16, 6, 2**32 - 1), (32, 0, 2**32 - 1)))
    name = "system.posix_acl_access"
    with open("bob/peers", "a", encoding="ascii"):
        pass
    os.chmod("bob/peers", 0o600)
    try:
        os.setxattr("bob/peers", name, acl)
    except OSError:
        print("no access lists here")
        return
    whole()
    check(os.getxattr("bob/peers", name) == acl, "the list is as it was")


def far_folder():
    """A peers file that is missing is made, closed to others, with its folder."""
    bob = waits("-a", "bob/new/folder/peers")
    alice = calls(bob.port)
    agree(alice, bob)
    bob.type("\n")
    check(bob.status() == 0, "bob ends well")
    with open("bob/new/folder/peers", encoding="ascii") as peers:
        check(peers.read() == f"{key_of('alice').hex()} alice\n", "the line is there")
    check(os.stat("bob/new/folder/peers").st_mode & 0o777 == 0o600
          and os.stat("bob/new/folder").st_mode & 0o777 == 0o700, "closed to others")
    alice.type("\x03")
    alice.status()


def line_of(stream, pattern):
    """The next line that this is in, as a match; others may stand before it."""
    for line in stream:
        found = re.search(pattern, line)
        if found:
            return found
    return sys.exit(f"not so: it says {pattern!r}")


def other_commands():
    """A kith dial where a meet waits, and a meet where a listen does: the one that waits says so."""
    bob = waits()
    dial = subprocess.run([KITH, "dial", f"./bob/identity.pub@127.0.0.1:{bob.port}"],
                          env={**os.environ, "KITH_DIR": "alice"}, timeout=LIMIT, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    check(dial.returncode == 5, "dial finds no listen", dial.stderr)
    bob.sees("refused: not a message of a meeting; perhaps a kith dial,")
    bob.sees("there: kith meet HOST:PORT")
    with subprocess.Popen([KITH, "listen", "-v", "-p", "./alice/identity.pub", "127.0.0.1:0"],
                          env={**os.environ, "KITH_DIR": "bob"}, text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as listen:
        try:
            alice = calls(line_of(listen.stderr, r":(\d+): waiting").group(1))
            alice.fails(5, "is it kith meet that is there")
            line_of(listen.stderr, "malformed handshake message; is it a kith meet that calls[?]")
        finally:
            listen.kill()


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    finally:
        for each in sides:
            if each.ended is None:
                try:
                    os.kill(each.pid, signal.SIGKILL)
                    os.waitpid(each.pid, 0)
                except ProcessLookupError:
                    pass
