"""The attacks of a known peer on a kept channel: records at the wrong time, in both roles, and more
of them than anybody needs.

usage: out_of_turn.py SUBJECT       run in a directory with alice, bob and carol in it

What a record is outside a stream, well formed or not, is in records.py; here is what stands in,
after or across one. Of each it is asked: what becomes of the channel and the reason in the log;
that nobody local hears more than he should, or a second time; that an honest peer is served right
after; and in the end that all places are free. Prints what went wrong; exits 1 if anything did."""

import contextlib
import ctypes
import ctypes.util
import functools
import os
import pathlib
import select
import signal
import socket
import time

import attacked
import attacks
import daemons
import kith
import records
import speaker
from daemons import check, eventually
from records import ACCEPT, BEGIN, CLOSE, END, NONE, OPEN, PING, PONG, RECEIPT, REFUSE, TURN
from spoiled import AFTER_END, AFTER_RECEIPT, EARLY_RECEIPT, MESSAGE_LONG

EVERY = {"an OPEN": OPEN, "an ACCEPT": ACCEPT, "a REFUSE": REFUSE + b"\1", "a BEGIN": BEGIN,
         "a CLOSE": CLOSE, "a PING": PING, "a PONG": PONG}
LARGEST = 64 << 10
FLOOD = 40000


class Echo:
    """A target that says all back, and how many have come to it."""

    def __init__(self):
        self.calls = 0

    def handle(self, sock):
        """One connection."""
        self.calls += 1
        daemons.echo(sock)


def at(opener, state):
    """Bring a fresh channel to this state."""
    if state in ("stream", "ended"):
        opener.say(OPEN)
        opener.hears(ACCEPT)
        opener.say(BEGIN)
    if state == "ended":
        opener.say(END)
        opener.hears(END)
    if state == "whole":
        opener.streams(b"before")


def _of_opener():
    """What is said, in which state, and why that is refused; None if it is a CLOSE's right."""
    for name, record in EVERY.items():
        yield name + " after its end", "stream", [END, record], AFTER_END
        yield name + " in the place of a receipt", "ended", [record], AFTER_END
        yield name + " behind a CLOSE", "idle", [CLOSE, record], None
    yield "a receipt that is early", "stream", [b"x", END, RECEIPT], EARLY_RECEIPT + "|" + AFTER_END
    yield "a receipt twice", "ended", [RECEIPT, RECEIPT], AFTER_RECEIPT + "|" + NONE
    yield "words after a stream", "whole", [b"hello"], NONE
    yield "a BEGIN after a stream", "whole", [BEGIN], TURN
    yield "a PONG after a stream", "whole", [PONG], TURN
    yield "an ACCEPT after a stream", "whole", [ACCEPT], TURN
    yield "a name that fills a message", "idle", [OPEN + b"a" * (LARGEST - 1)], NONE
    yield "a name that is longer than a message", "idle", [OPEN + b"a" * LARGEST], MESSAGE_LONG
    yield "a PING that fills a message", "idle", [PING * LARGEST], NONE


def opener():
    """alice, as who opens, to serve."""
    people, target = attacks.scene(), Echo()
    serve = attacked.Serve(handle=target.handle)
    honest = records.Opener(people, serve)
    streams = 0
    for name, record in EVERY.items():
        honest.streams(record)  # in a stream it is data
        streams += 1
        eventually(lambda: target.calls == streams, name, "within a stream is one of its own")
    table = list(_of_opener())
    for name, state, texts, reason in table:
        _is_refused(people, serve, name, state, texts, reason)
        honest.streams(b"after " + name.encode())
        streams += 2 if state != "idle" else 1
        eventually(lambda: target.calls == streams, name, "has the target called once more")
    honest.say(CLOSE)
    honest.hears(CLOSE)
    honest.ends("honest")
    serve.end()
    print(len(EVERY) + len(table), "attacks")


def _refusals(log, reason):
    return sum(log.count(each) for each in reason.split("|"))


def _told(log):
    """Its lines but those on streams that were whole, which an honest peer's may be said of late."""
    return [line for line in log.splitlines() if ": whole " not in line]


def _is_refused(people, serve, name, state, texts, reason):
    hostile = records.Opener(people, serve)
    at(hostile, state)
    before = _told(serve.log())
    reasons = _refusals(serve.log(), reason or "")
    with contextlib.suppress(ConnectionError):
        hostile.say(*texts)
    if reason is None:
        hostile.hears(CLOSE, name)
        check(hostile.ends(name) == b"", name, "is answered beyond a CLOSE")
        check(_told(serve.log()) == before, name, "is told:", serve.log())
        return
    hostile.ends(name)
    eventually(lambda: _refusals(serve.log(), reason) == reasons + 1, "the log tells of", name,
               "as", reason, "but:", serve.log()[-200:])


def _of_acceptor():
    """What is answered to an OPEN, or said while nobody asks, and why that is refused."""
    for name, record in EVERY.items():
        if record not in (CLOSE, PONG):
            yield name + " unasked", False, [record], TURN
    yield "a REFUSE without an end", True, [REFUSE + b"\1" * (LARGEST - 1)], NONE
    yield "a REFUSE for no reason", True, [REFUSE + b"\0"], NONE
    yield "a REFUSE with words", True, [REFUSE + b"no such \x1b[31mtarget"], NONE
    yield "a message that is too long", True, [ACCEPT + bytes(LARGEST)], MESSAGE_LONG
    yield "an empty record", True, [b""], NONE
    yield "an empty record unasked", False, [b""], NONE
    yield "a message that is too long, unasked", False, [bytes(LARGEST + 1)], MESSAGE_LONG


class Victim:
    """forward, of whose channel a false bob is the other end."""

    def __init__(self):
        self.acceptor = records.FalseAcceptor()
        self.log = self.acceptor.forward.log
        self.channel = None

    def is_asked(self):
        """A program that has said a word; the channel on which a stream is asked for."""
        near = self.acceptor.connect()
        if self.channel is None:
            self.channel = self.acceptor.take_call()
            records.hears_all(*self.channel, OPEN)
        else:
            records.hears_all(*self.channel, PING, OPEN)
            records.say(*self.channel, PONG)
        return near

    def be_honest(self):
        """A whole stream, after which the channel is kept."""
        records.whole(self.acceptor, self.is_asked(), *self.channel)

    def refuses(self, reason, texts):
        """The channel is ended for what is said on it, and why is told."""
        before = _refusals(self.log(), reason)
        with contextlib.suppress(ConnectionError):
            records.say(*self.channel, *texts)
        eventually(lambda: _refusals(self.log(), reason) == before + 1, "the log tells of",
                   texts[0][:9], "as", reason, "but:", self.log()[-200:])
        daemons.read_to_end(self.channel[1])
        self.channel[1].close()
        self.channel = None


def _says_in_place_of_end(victim, texts):
    """After ACCEPT all that it says is data of the stream: none of it opens or ends another."""
    near = victim.is_asked()
    near.shutdown(socket.SHUT_WR)
    records.say(*victim.channel, ACCEPT)
    records.hears_all(*victim.channel, BEGIN, b"hello", END)
    records.say(*victim.channel, *texts, END, RECEIPT)
    records.hears_all(*victim.channel, RECEIPT)
    check(daemons.read_to_end(near) == (b"".join(texts), "end"), "data is no data:", texts)
    attacked.check_nobody_has_a_place(victim.acceptor.forward, 1000)


def _close_and_then(victim, name, record):
    """Behind a CLOSE nothing counts: another channel is asked, and begins alone."""
    near = victim.is_asked()
    with contextlib.suppress(ConnectionError):
        records.say(*victim.channel, CLOSE, record)
    left = victim.channel
    victim.channel = victim.acceptor.take_call()
    records.hears_all(*victim.channel, OPEN)
    records.whole(victim.acceptor, near, *victim.channel)
    data, _ = daemons.read_to_end(left[1])
    check(data == b"", name, "behind a CLOSE is answered with", len(data), "bytes")
    left[1].close()


def acceptor():
    """bob, as somebody else plays him: who accepts, for forward."""
    victim = Victim()
    table = list(_of_acceptor())
    for name, asked, texts, reason in table:
        near = victim.is_asked() if asked else None
        if not asked and victim.channel is None:
            victim.be_honest()
        victim.refuses(reason, texts)
        if near:
            check(daemons.read_to_end(near) == (b"", "reset"), name, "does not reset the program")
        victim.be_honest()
    _says_in_place_of_end(victim, list(EVERY.values()))
    for name, record in EVERY.items():
        _close_and_then(victim, name, record)
    check(all(31 < ord(c) < 127 or c == "\n" for c in victim.log()), "odd bytes in the log")
    victim.acceptor.forward.stop()
    print(len(table) + 2 * len(EVERY), "attacks")


class Sealer:
    """A side's own way of sealing, by libcrypto: many times as fast as that of the others."""

    def __init__(self, key):
        self.crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
        for name in ("EVP_CIPHER_CTX_new", "EVP_chacha20_poly1305"):
            getattr(self.crypto, name).restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.crypto.EVP_CIPHER_CTX_new())
        self.cipher = ctypes.c_void_p(self.crypto.EVP_chacha20_poly1305())
        self.key = key

    def seal(self, number, text):
        """Message number so and so, as a frame."""
        out, tag = ctypes.create_string_buffer(len(text)), ctypes.create_string_buffer(speaker.TAG)
        n = ctypes.c_int()
        self.crypto.EVP_EncryptInit_ex(self.context, self.cipher, None, self.key,
                                       number.to_bytes(12, "big"))
        self.crypto.EVP_EncryptUpdate(self.context, out, ctypes.byref(n), text, len(text))
        self.crypto.EVP_EncryptFinal_ex(self.context, None, ctypes.byref(n))
        self.crypto.EVP_CIPHER_CTX_ctrl(self.context, 0x10, speaker.TAG, tag)
        return speaker.frame(out.raw + tag.raw)


def _answers_before(sock, flood, other):
    """Say the rest of it, until something comes to the other: the bytes that have come by then."""
    sent = heard = 0
    while not select.select([other], [], [], 0)[0]:
        wanted = [sock] if sent < len(flood) else []
        readable, writable, _ = select.select([sock, other], wanted, [], kith.LIMIT)
        if writable:
            sent += sock.send(flood[sent:sent + (1 << 16)])
        if sock in readable:
            heard += len(sock.recv(1 << 20))
    with contextlib.suppress(BlockingIOError):
        while data := sock.recv(1 << 20):
            heard += len(data)
    return heard


def _is_parked(daemon, since):
    """Whether a channel needs no thread now: it is watched. Where that may not be seen, it is in
    time."""
    try:
        folder = f"/proc/{daemon.pid}/fdinfo"
        return any("tfd:" in pathlib.Path(folder, fd).read_text("ascii")
                   for fd in os.listdir(folder))
    except PermissionError:
        return time.monotonic() > since + 3


def flood_of_pings():
    """A parked channel that says PING without a pause: nobody else has to wait for it."""
    people, serve = attacks.scene(), attacked.Serve()
    hostile = records.Opener(people, serve)
    sealer, first = Sealer(hostile.side.send_key), hostile.side.sent
    check(sealer.seal(first, PING) == hostile.side.seal(PING), "sealed otherwise")
    flood = b"".join(sealer.seal(first + i, PING) for i in range(FLOOD))
    since = time.monotonic()
    eventually(lambda: _is_parked(serve.daemon, since), "the channel is parked")
    caller = speaker.Dialer(people.alice, people.bob.public)
    serve.daemon.signal(signal.SIGSTOP)  # so that both are there at once
    with serve.connect() as sock:
        sock.sendall(caller.message_1())
        hostile.sock.setblocking(False)
        sent = hostile.sock.send(flood)
        serve.daemon.signal(signal.SIGCONT)
        heard = _answers_before(hostile.sock, flood[sent:], sock)
        check(heard < len(flood), "a caller has to wait for all of the PINGs")
        check(caller.take_2(speaker.read_frame(sock)), "the caller is not answered")
    hostile.sock.close()
    serve.check_honest(people, "after PINGs without a pause")
    serve.end()
    print("1 attack")


def not_permitted():
    """A thousand OPENs of what this key may not have, in one go: each is refused, the log says so
    in a few lines, and what it may have it gets."""
    people = attacks.scene()
    with open("alice/identity.pub", encoding="ascii") as key, open("bob/peers", "w",
                                                                  encoding="ascii") as peers:
        peers.write('permit-target="db" ' + key.read())
    target = daemons.Target(handle=daemons.echo)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("serve.err")
    daemon = daemons.Daemon("bob", "serve", (), ["127.0.0.1:0", "db=" + target.address,
                                                 "web=" + target.address], "serve.err")
    there = type("There", (), {"connect": staticmethod(
        functools.partial(attacked.connect, daemon.address))})
    hostile, honest = records.Opener(people, there), records.Opener(people, there)
    for name in (b"web", b"other"):
        for _ in range(10):
            hostile.say(*[OPEN + name] * 50)
            for _ in range(50):
                hostile.hears(REFUSE + b"\1", name)
            honest.streams(b"meanwhile", b"db")
    hostile.streams(b"what it may have", b"db")
    check(daemon.log().count("\n") < 40, "it fills the log:", daemon.log())
    hostile.sock.close()
    honest.sock.close()
    attacked.check_nobody_has_a_place(daemon, 1000)
    daemon.stop()
    print("1000 attacks")


if __name__ == "__main__":
    daemons.run_subject([opener, acceptor, flood_of_pings, not_permitted])
