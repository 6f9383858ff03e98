"""The records of kept channels, said rightly and wrongly by a known peer that is made from
kith-protocol(7) alone: to serve as who opens, to forward as who accepts.

usage: records.py SUBJECT       run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess

import attacked
import attacks
import daemons
import kith
import speaker
from daemons import check, eventually

KEPT = b"kith\0kept/1"
OPEN, ACCEPT, REFUSE, BEGIN, CLOSE, PING, PONG = (bytes([n]) for n in range(1, 8))
END = RECEIPT = b""


def say(side, sock, *texts):
    """These messages at once."""
    sock.sendall(b"".join(side.seal(text) for text in texts))


def hears(side, sock):
    """The next message; None at the end."""
    body = speaker.read_frame(sock)
    return side.unseal(body) if body else None


def is_silent(sock):
    """Whether nothing comes, for a while."""
    return not select.select([sock], [], [], 0.3)[0]


def call(people, sock, namespace):
    """alice calls bob there, for channels of a kind: her side."""
    side = speaker.Dialer(people.alice, people.bob.public, namespace)
    check(attacked.shake_hands(side, sock), "no kept channel is made")
    sock.sendall(side.message_3())
    return side


class Opener:
    """alice, as who opens: a kept channel to a serve."""

    def __init__(self, people, serve):
        self.sock = serve.connect()
        self.side = call(people, self.sock, KEPT)

    def say(self, *texts):
        """These messages at once."""
        say(self.side, self.sock, *texts)

    def hears(self, expected, *what):
        """This is the next message."""
        heard = hears(self.side, self.sock)
        check(heard == expected, *what, "the answer is", heard, "and not", expected)

    def streams(self, words, target=b""):
        """A whole stream, which is echoed."""
        self.say(OPEN + target)
        self.hears(ACCEPT, words)
        self.say(BEGIN, words, END)
        heard = b""
        while text := hears(self.side, self.sock):
            heard += text
        check(heard == words, "of", words, "there came back", heard)
        self.say(RECEIPT)
        self.hears(RECEIPT, words)

    def ends(self, *what):
        """The other side ends the channel."""
        data, how = daemons.read_to_end(self.sock)
        check(how in ("end", "reset"), *what, "is left open; it says", data)
        self.sock.close()
        return data


def in_order():
    """One stream after another; a PING alone, before an OPEN, and between two streams; a CLOSE."""
    people, serve = attacks.scene(), attacked.Serve()
    opener = Opener(people, serve)
    opener.say(PING)
    opener.hears(PONG)
    for number in range(3):
        opener.streams(b"words %d" % number)
    opener.say(PING, OPEN)
    opener.hears(PONG)
    opener.hears(ACCEPT)
    opener.say(BEGIN, END)
    opener.hears(END)
    opener.say(RECEIPT)
    opener.hears(RECEIPT)
    opener.say(OPEN + b"nobody-has-this.name_")
    opener.hears(REFUSE + b"\1")
    opener.streams(b"after a refusal")
    opener.say(CLOSE)
    opener.hears(CLOSE)
    check(opener.ends("after a CLOSE") == b"", "something after a CLOSE")
    serve.end()


def given_up():
    """CLOSE in the place of BEGIN, or nothing: no stream was, and the target is reset."""
    how = []
    people = attacks.scene()
    serve = attacked.Serve(handle=lambda sock: how.append(daemons.read_to_end(sock)))
    opener = Opener(people, serve)
    opener.say(OPEN)
    opener.hears(ACCEPT)
    opener.say(CLOSE)
    opener.ends("after a CLOSE for a BEGIN")
    opener = Opener(people, serve)
    opener.say(OPEN)
    opener.hears(ACCEPT)
    opener.sock.close()
    eventually(lambda: len(how) == 2, "the target sees both")
    check(how == [(b"", "reset")] * 2, "the target sees", how)
    check("alice (" not in serve.log(), "it is told as a stream:", serve.log())
    serve.end()


def no_begin():
    """No BEGIN within the handshake timeout: the target is reset, and the channel ended."""
    how = []
    people = attacks.scene()
    serve = attacked.Serve("-w", "1s", handle=lambda sock: how.append(daemons.read_to_end(sock)))
    opener = Opener(people, serve)
    opener.say(OPEN)
    opener.hears(ACCEPT)
    opener.ends("without a BEGIN")
    eventually(lambda: how == [(b"", "reset")], "the target is reset")
    serve.end()


NONE, TURN = "something that is not a record", "a record out of turn"
WRONG = [  # what is said on a fresh channel, and why that is refused
    ("an empty record", [b""], NONE),
    ("type 0", [b"\0"], NONE),
    ("type 8", [b"\x08"], NONE),
    ("type 255", [b"\xff"], NONE),
    ("words", [b"GET / HTTP/1.0\r\n"], NONE),
    ("a name of digits", [OPEN + b"5432"], NONE),
    ("a name with a blank", [OPEN + b"a b"], NONE),
    ("a name with a NUL", [OPEN + b"a\0"], NONE),
    ("a name with a colon", [OPEN + b"a:b"], NONE),
    ("a name of 65 bytes", [OPEN + b"a" * 65], NONE),
    ("a PING with more", [PING + b"\0"], NONE),
    ("a CLOSE with more", [CLOSE + b"\0"], NONE),
    ("a BEGIN", [BEGIN], TURN),
    ("an ACCEPT", [ACCEPT], TURN),
    ("a REFUSE", [REFUSE + b"\1"], TURN),
    ("a REFUSE without a reason", [REFUSE], NONE),
    ("a REFUSE for another reason", [REFUSE + b"\4"], NONE),
    ("a PONG", [PONG], TURN),
    ("BEGIN with more", [OPEN, BEGIN + b"\0"], NONE),
    ("words for a BEGIN", [OPEN, b"hello"], NONE),
    ("a second OPEN for a BEGIN", [OPEN, OPEN], TURN),
    ("a PING for a BEGIN", [OPEN, PING], TURN),
    ("a BEGIN after a refusal", [OPEN + b"x", BEGIN], TURN),
]


def wrong():
    """A known peer that says what it must not: the channel is ended and why is said; who is honest
    is served."""
    people, serve = attacks.scene(), attacked.Serve()
    honest = Opener(people, serve)
    for name, texts, reason in WRONG:
        before = serve.log().count(reason)
        opener = Opener(people, serve)
        opener.say(*texts)
        opener.ends(name)
        eventually(lambda n=before, r=reason: serve.log().count(r) == n + 1, "the log tells of", name)
        honest.streams(b"after " + name.encode())
    honest.say(CLOSE)
    honest.hears(CLOSE)
    honest.ends("honest")
    serve.end()


class CalledOpener(Opener):
    """bob, as somebody else plays him, whom a serve calls for channels on which he opens."""

    def __init__(self, people, bob):  # pylint: disable=super-init-not-called
        self.side, self.sock = take_kept_call(bob, people, attacked.REVERSE)


def wrong_back():
    """The same the reverse way: of the one that serve has called. Each has had a stream before, so
    that it is called again at once."""
    people, bob, target = attacks.scene(), attacked.FalseBob(), daemons.Target(handle=daemons.echo)
    serve = daemons.Daemon("alice", "serve", ("--spare", "1", "--ready-on", "listen", "--call",
                                              "bob@%s:%d" % bob.address), [target.address], "call.err")
    descriptors = None
    for name, texts, reason in WRONG:
        opener = CalledOpener(people, bob)
        opener.streams(b"before " + name.encode())
        descriptors = descriptors or serve.descriptors()
        before = serve.log().count(reason)
        opener.say(*texts)
        opener.ends(name)
        eventually(lambda n=before, r=reason: serve.log().count(r) == n + 1, "the log tells of", name)
    opener = CalledOpener(people, bob)
    opener.streams(b"after all")
    serve.has_again(descriptors, 100)
    serve.stop()


def with_tag():
    """Message 1 of a kept channel with a tag is none."""
    people, serve = attacks.scene(), attacked.Serve()
    with serve.connect() as sock:
        side = speaker.Dialer(people.alice, people.bob.public, KEPT)
        sock.sendall(side.message_1(tag=b"\1" + bytes(32)))
        check(daemons.read_to_end(sock) in ((b"", "end"), (b"", "reset")), "a tag is taken")
    eventually(lambda: "malformed handshake" in serve.log(), "the log tells of a tag")
    serve.end()


def draining():
    """At SIGTERM who carries nothing hears CLOSE at once, and who does after its stream; an OPEN
    that comes with it is answered by CLOSE."""
    people, serve = attacks.scene(), attacked.Serve()
    idle, busy, asks = (Opener(people, serve) for _ in range(3))
    busy.say(OPEN)
    busy.hears(ACCEPT)
    busy.say(BEGIN, b"hello")
    busy.hears(b"hello")
    asks.say(PING)
    asks.hears(PONG) # a thread is there for what comes next
    serve.daemon.signal(signal.SIGTERM)
    serve.daemon.logged("no new calls")
    with contextlib.suppress(OSError):
        asks.say(OPEN)
    asks.hears(CLOSE, "who asks after it:")
    idle.hears(CLOSE, "who carries nothing:")
    idle.ends("who carries nothing")
    busy.say(b"to the end", END)
    busy.hears(b"to the end", "what is carried:")
    busy.hears(END)
    busy.say(RECEIPT)
    with contextlib.suppress(OSError):
        busy.say(OPEN)
    busy.hears(RECEIPT)
    busy.hears(CLOSE, "after its stream:")
    busy.ends("after its stream")
    serve.daemon.ends(0)


def giving_way():
    """Who carries nothing leaves for a proven caller, with CLOSE, who did so longest first; nobody
    else, and not for one that has proven nothing."""
    people, serve = attacks.scene(), attacked.Serve("--max-connections", "2")
    longest, idle = Opener(people, serve), Opener(people, serve)
    longest.say(PING)
    longest.hears(PONG)
    idle.streams(b"carried something")
    with serve.connect() as sock:
        caller = speaker.Dialer(people.alice, people.bob.public, KEPT)
        check(attacked.shake_hands(caller, sock), "a caller is refused for those that carry nothing")
        longest.say(PING)
        longest.hears(PONG, "who carries nothing, when a caller has proven nothing yet:")
    busy = Opener(people, serve)
    longest.hears(CLOSE, "who carries nothing longest:")
    longest.ends("who carries nothing longest")
    busy.streams(b"in its place")
    idle.streams(b"who did not have to leave")
    idle.say(PING)
    idle.hears(PONG) # and so it is one of those that carry nothing
    busy.say(OPEN)
    busy.hears(ACCEPT)
    busy.say(BEGIN)
    other = Opener(people, serve)
    idle.hears(CLOSE, "who carries nothing:")
    other.say(OPEN)
    other.hears(ACCEPT)
    other.say(BEGIN)
    with serve.connect() as sock:
        caller = speaker.Dialer(people.alice, people.bob.public, KEPT)
        check(not attacked.shake_hands(caller, sock), "one more beside two that carry something")
    busy.say(b"whole", END)
    busy.hears(b"whole", "who carries something")
    serve.daemon.refused("too many connections", 1)
    serve.daemon.process.kill()


def drained():
    """At SIGTERM who carries nothing, but did a moment ago, is not waited for."""
    people, serve = attacks.scene(), attacked.Serve("--drain-timeout", "1ms")
    opener, fresh = Opener(people, serve), Opener(people, serve)
    opener.streams(b"a moment ago")
    for each in opener, fresh:
        each.say(PING)
        each.hears(PONG) # and so it is in its place
    serve.daemon.signal(signal.SIGTERM)
    for each in opener, fresh:
        each.hears(CLOSE, "who carries nothing:")
        each.ends("who carries nothing")
    serve.daemon.ends(0)
    check("no channel is open" in serve.daemon.log(), "it waits:", serve.daemon.log())


def take_kept_call(bob, people, namespace=KEPT):
    """The next call that bob is given, for a channel that is kept: his side, and its socket."""
    sock, side = bob.take_call(people)
    side.namespace = namespace
    sock.sendall(speaker.frame(side.answer()))
    check(side.takes_3(speaker.read_frame(sock)), "no kept channel is made")
    return side, sock


class FalseAcceptor:
    """bob, as somebody else plays him: who accepts, for a forward that has no channel ready."""

    def __init__(self, *options):
        with contextlib.suppress(FileNotFoundError):
            os.unlink("forward.err")
        self.people = attacks.scene()
        self.bob = attacked.FalseBob()
        self.forward = daemons.Daemon("alice", "forward", ("--spare", "0", *options), [
            "127.0.0.1:0", "bob@%s:%d" % self.bob.address], "forward.err")

    @staticmethod
    def is_asked(side, sock):
        """A fresh channel is."""
        hears_all(side, sock, OPEN)

    def take_call(self):
        """The next channel: bob's side, and its socket."""
        return take_kept_call(self.bob, self.people)

    def connect(self):
        """A local program that speaks at once."""
        sock = daemons.connect(self.forward.address)
        sock.sendall(b"hello")
        return sock


class CallingAcceptor:
    """alice, as somebody else plays her: who accepts, for a forward that she calls. It asks whether
    she is there with each stream."""

    def __init__(self):
        self.people = attacks.scene()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("forward.err")
        self.forward = daemons.Daemon("bob", "forward", ("--ready-on", "listen", "--accept", "127.0.0.1:0"),
                                      ["127.0.0.1:0", "alice"], "forward.err")
        log = self.forward.log()
        self.address = re.search(r"(127.0.0.1:\d+): waits for calls", log)[1]
        self.near = re.search(r"forward: (\S+): each connection is carried", log)[1]

    @staticmethod
    def is_asked(side, sock):
        """A fresh channel is, and she is there."""
        hears_all(side, sock, PING, OPEN)
        say(side, sock, PONG)

    def take_call(self):
        """She makes one: her side, and its socket."""
        sock = attacked.connect(self.address)
        return call(self.people, sock, attacked.REVERSE), sock

    def connect(self):
        """A local program that speaks at once."""
        sock = daemons.connect(self.near)
        sock.sendall(b"hello")
        return sock


def hears_all(side, sock, *expected):
    """These are the next messages."""
    for each in expected:
        heard = hears(side, sock)
        check(heard == each, "it says", heard, "and not", each)


def echoes(side, sock):
    """The opener's stream to its end, and ours."""
    say(side, sock, ACCEPT)
    hears_all(side, sock, BEGIN, b"hello")
    say(side, sock, b"hello", END)
    hears_all(side, sock, END, RECEIPT)
    say(side, sock, RECEIPT)


def whole(acceptor, near, side, sock):
    """An OPEN, which is here, is accepted, and all is echoed."""
    near.shutdown(socket.SHUT_WR)
    echoes(side, sock)
    check(daemons.read_to_end(near) == (b"hello", "end"), "the local program does not hear it")
    attacked.check_nobody_has_a_place(acceptor.forward, 1000)  # and the channel is there for the next


def answers():
    """Nothing of the program's goes before BEGIN. Each refusal is told in its words, and a CLOSE, or
    an end, for an answer has another channel tried."""
    acceptor = FalseAcceptor()
    near = acceptor.connect()
    side, sock = acceptor.take_call()
    hears_all(side, sock, OPEN)
    check(is_silent(sock), "something is said before the answer")
    say(side, sock, CLOSE)
    side, other = acceptor.take_call()
    hears_all(side, other, OPEN)
    whole(acceptor, near, side, other)
    sock.close()
    for reason, words in enumerate(("has no such target for us", "cannot reach its target",
                                    "has no room for another connection"), 1):
        near = acceptor.connect()
        hears_all(side, other, PING, OPEN)
        say(side, other, PONG, REFUSE + bytes([reason]))
        check(daemons.read_to_end(near) == (b"", "reset"), reason, "does not reset the program")
        acceptor.forward.logged("the peer " + words)
    near = acceptor.connect()
    hears_all(side, other, PING, OPEN)
    other.close()
    side, other = acceptor.take_call()
    hears_all(side, other, OPEN)
    whole(acceptor, near, side, other)
    acceptor.forward.stop()


def after_begin():
    """A stream that breaks after BEGIN is not tried again: the program is reset."""
    acceptor = FalseAcceptor()
    near = acceptor.connect()
    side, sock = acceptor.take_call()
    hears_all(side, sock, OPEN)
    say(side, sock, ACCEPT)
    hears_all(side, sock, BEGIN, b"hello")
    sock.close()
    check(daemons.read_to_end(near) == (b"", "reset"), "the program is not reset")
    acceptor.forward.logged("cut short")
    check(not select.select([acceptor.bob._server], [], [], 0.3)[0], "it calls once more")
    acceptor.forward.stop()


def wrong_answers(acceptor=None):
    """An acceptor that says what it must not: the program is reset, the log says why, and the next
    is served on another channel."""
    acceptor = acceptor or FalseAcceptor()
    for name, texts, reason in (
            ("a PONG to no PING", [PONG], TURN),
            ("an OPEN", [OPEN], TURN),
            ("a BEGIN", [BEGIN], TURN),
            ("a PING", [PING], TURN),
            ("words", [b"hello"], NONE),
            ("a REFUSE without a reason", [REFUSE], NONE),
            ("an ACCEPT with more", [ACCEPT + b"\0"], NONE)):
        before = acceptor.forward.log().count(reason)
        near = acceptor.connect()
        side, sock = acceptor.take_call()
        acceptor.is_asked(side, sock)
        say(side, sock, *texts)
        check(daemons.read_to_end(near) == (b"", "reset"), name, "does not reset the program")
        eventually(lambda n=before, r=reason: acceptor.forward.log().count(r) == n + 1,
                   "the log tells of", name)
        sock.close()
    near = acceptor.connect()
    side, sock = acceptor.take_call()
    acceptor.is_asked(side, sock)
    whole(acceptor, near, side, sock)
    for text in (ACCEPT, PONG, b"hello"):  # with nothing to answer
        before = acceptor.forward.log().count("the peer sent ")
        say(side, sock, text)
        eventually(lambda n=before: acceptor.forward.log().count("the peer sent ") == n + 1,
                   "the log tells of", text)
        near = acceptor.connect()
        side, sock = acceptor.take_call()
        acceptor.is_asked(side, sock)
        whole(acceptor, near, side, sock)
    acceptor.forward.stop()


def wrong_answers_back():
    """The same the reverse way."""
    wrong_answers(CallingAcceptor())


def too_slow():
    """A PONG and no answer: nobody else is asked, and in the end the program is reset."""
    acceptor = FalseAcceptor("-w", "2s")
    near = acceptor.connect()
    side, sock = acceptor.take_call()
    hears_all(side, sock, OPEN)
    whole(acceptor, near, side, sock)
    near = acceptor.connect()
    hears_all(side, sock, PING, OPEN)
    say(side, sock, PONG)
    check(daemons.read_to_end(near) == (b"", "reset"), "the program is not reset")
    acceptor.forward.logged("did not tell in time whether")
    check(not select.select([acceptor.bob._server], [], [], 0)[0], "it calls once more")
    hears_all(side, sock, CLOSE)
    acceptor.forward.stop()


def either():
    """No PONG: another channel is asked beside; the first that answers begins, the other closes."""
    for first in (0, 1):
        acceptor = FalseAcceptor()
        near = acceptor.connect()
        channels = [acceptor.take_call()]
        hears_all(*channels[0], OPEN)
        whole(acceptor, near, *channels[0])
        near = acceptor.connect()
        hears_all(*channels[0], PING, OPEN)
        channels.append(acceptor.take_call())
        hears_all(*channels[1], OPEN)
        if first == 0:
            say(*channels[0], PONG)
        whole(acceptor, near, *channels[first])
        hears_all(*channels[1 - first], CLOSE)
        acceptor.forward.stop()


def late():
    """The call for another one hangs: what the first says late is heard while it does, and the
    channel that comes of it after all is there for the next."""
    acceptor = FalseAcceptor()
    near = acceptor.connect()
    first = acceptor.take_call()
    hears_all(*first, OPEN)
    whole(acceptor, near, *first)
    near = acceptor.connect()
    hears_all(*first, PING, OPEN)
    eventually(lambda: select.select([acceptor.bob._server], [], [], 0)[0], "it calls once more")
    near.shutdown(socket.SHUT_WR)
    say(*first, PONG)
    echoes(*first)
    check(daemons.read_to_end(near) == (b"hello", "end"), "the local program does not hear it")
    second = acceptor.take_call()

    def both_kept():
        acceptor.forward.signal(signal.SIGUSR1)
        return " kept=2 " in acceptor.forward.log()

    eventually(both_kept, "the second channel is there, too")
    near = acceptor.connect()
    asked, _, _ = select.select([first[1], second[1]], [], [], kith.LIMIT)
    which = first if first[1] in asked else second
    hears_all(*which, PING, OPEN)
    say(*which, PONG)
    whole(acceptor, near, *which)
    acceptor.forward.stop()


def dialed():
    """dial, for a target by its name: after a whole stream, and after a refusal, it says CLOSE."""
    people = attacks.scene()
    bob = attacked.FalseBob()

    def called(*answers):
        dial = kith.start("alice", "dial", "bob@%s:%d:db" % bob.address, stdout=subprocess.PIPE)
        side, sock = take_kept_call(bob, people)
        hears_all(side, sock, OPEN + b"db")
        say(side, sock, *answers)
        return dial, side, sock

    dial, side, sock = called(ACCEPT)
    hears_all(side, sock, BEGIN, END)
    say(side, sock, b"hello", END, RECEIPT)
    hears_all(side, sock, RECEIPT, CLOSE)
    say(side, sock, CLOSE)
    check(dial.communicate(timeout=kith.LIMIT)[0] == b"hello" and dial.returncode == 0,
          "dial has not all of it, or does not say so")
    dial, side, sock = called(REFUSE + b"\1")
    check(hears(side, sock) in (CLOSE, None), "after a refusal it goes on")
    check(kith.status(dial) == 5, "it ends with", dial.returncode)


if __name__ == "__main__":
    daemons.run_subject([in_order, given_up, no_begin, wrong, wrong_back, with_tag, draining,
                         giving_way, drained, answers, after_begin, wrong_answers,
                         wrong_answers_back, too_slow, either, late, dialed])
