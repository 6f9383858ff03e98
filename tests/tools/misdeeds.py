"""The misdeeds of traffic.py, tried on channels of all four roles.

usage: misdeeds.py ROLE     run in a directory with alice, bob and carol in it

Of each it is asked: the reason and the exit status; that what was well said arrives, and nothing
else; that nothing is said on the wire that is not of the channel; of daemons also that who is local
is reset, that the place is free again, and that an honest peer is served right after.
KITH_LONG=1 turns every bit over. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import contextlib
import functools
import os
import queue
import re
import socket
import subprocess

import attacked
import attacks
import daemons
import kith
import speaker
import traffic
from daemons import check

OPTIONS = ("-w", "1h", "--max-message-size", str(traffic.MAX))
STREAM = 8  # an exit status


def _check_of_channel(side, rest, name):
    """Whole frames are messages of the channel, and there is nothing but them and a part of one."""
    at = 0
    while at + 4 <= len(rest):
        length = int.from_bytes(rest[at:at + 4], "big")
        body = rest[at + 4:at + 4 + length]
        if len(body) < length:
            break
        check(side.unseal(body) is not None, name, "is answered with what is no message")
        at += 4 + length


def _misbehave(misdeed, people, side, sock):
    """On a channel that is up: say it, and hear what follows."""
    talk = traffic.Talk(side, people.answered, sock)
    sock.sendall(side.seal(traffic.FIRST))
    if misdeed.ended:
        check(talk.await_end(), misdeed.name, "does not get as far as the other side's end")
    with contextlib.suppress(ConnectionError):
        sock.sendall(misdeed.said(talk))
        if misdeed.shut:
            sock.shutdown(socket.SHUT_WR)
    rest, how = daemons.read_to_end(sock)
    check(how in ("end", "reset"), misdeed.name, "is left open")
    _check_of_channel(side, rest, misdeed.name)


def _answer_call(misdeed, people, sock, listener):
    """As bob, in order until the channel is up."""
    sock.sendall(speaker.frame(listener.answer()))
    check(listener.takes_3(speaker.read_frame(sock)), misdeed.name, "has no channel to be tried on")
    _misbehave(misdeed, people, listener, sock)


def _call(misdeed, people, sock):
    """As alice; the last message of the handshake, and the first of the channel, come at once."""
    caller = speaker.Dialer(people.alice, people.bob.public)
    check(attacked.shake_hands(caller, sock), misdeed.name, "has no channel to be tried on")
    sock.sendall(caller.message_3())
    _misbehave(misdeed, people, caller, sock)


def _streams(misdeed):
    """Standard input that has ended or does not, and the others to be looked at."""
    return {"stdin": subprocess.DEVNULL if misdeed.ended else subprocess.PIPE,
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def _check_pipe(misdeed, process):
    """What became of a dial or listen."""
    ended = kith.status(process)
    out, said = process.stdout.read(), process.stderr.read().decode("ascii")
    check(ended == STREAM, misdeed.name, "makes it end with", ended)
    check(out == traffic.FIRST + misdeed.arrives, misdeed.name, "lets", out, "arrive")
    told = said.count("\n") == 1 and re.search(": " + misdeed.reason, said)
    check(told, misdeed.name, "is told as:", said)
    if process.stdin:
        process.stdin.close()


def _try_dial(people, misdeed):
    false_bob = attacked.FalseBob()
    process = kith.dial(false_bob.address, *OPTIONS, **_streams(misdeed))
    sock, listener = false_bob.take_call(people)
    with sock:
        _answer_call(misdeed, people, sock, listener)
    _check_pipe(misdeed, process)
    false_bob.close()


def _try_listen(people, misdeed):
    process, address = kith.listen(*OPTIONS, **_streams(misdeed))
    with socket.create_connection(address, kith.LIMIT) as sock:
        _call(misdeed, people, sock)
    _check_pipe(misdeed, process)


def _check_local(misdeed, heard, how):
    check(heard == traffic.FIRST + misdeed.arrives, misdeed.name, "lets", heard, "arrive")
    check(how == "reset" or misdeed.end_arrives, misdeed.name, "is for who is local", how)


class Local:
    """The target of a serve: says everything back to an honest peer; of another it remembers what
    it has heard, and ends its own side before if that is told to."""

    def __init__(self):
        self.misdeed = None
        self.heard = queue.Queue()

    def handle(self, sock):
        """One connection."""
        if self.misdeed is None:
            daemons.echo(sock)
            return
        if self.misdeed.ended:
            sock.shutdown(socket.SHUT_WR)
        self.heard.put(daemons.read_to_end(sock))


def _told(log):
    """What a serve has said of channels that broke."""
    return [line for line in log.splitlines() if " alice (" in line and ": whole " not in line]


def _try_serve(people, victim, local, misdeed):
    local.misdeed = misdeed
    before = len(_told(victim.log()))
    with victim.connect() as sock:
        _call(misdeed, people, sock)
    _check_local(misdeed, *local.heard.get(timeout=kith.LIMIT))
    daemons.eventually(lambda: len(_told(victim.log())) > before, "the log tells of", misdeed.name)
    said = _told(victim.log())[-1]
    check(re.search(": " + misdeed.reason, said), misdeed.name, "is told as:", said)
    local.misdeed = None
    victim.check_honest(people, misdeed.name)


def _try_forward(people, victim, misdeed):
    before = len(victim.told())
    with daemons.connect(victim.daemon.address) as near:
        if misdeed.ended:
            near.shutdown(socket.SHUT_WR)
        sock, listener = victim.false_bob.take_call(people)
        with sock:
            _answer_call(misdeed, people, sock, listener)
        _check_local(misdeed, *daemons.read_to_end(near))
    daemons.eventually(lambda: len(victim.told()) > before, "the log tells of", misdeed.name)
    said = victim.told()[-1]
    check(re.search(": " + misdeed.reason, said), misdeed.name, "is told as:", said)
    victim.check_honest(people, misdeed.name)


def _all(attempt, at_once):
    people = attacks.scene()
    table = traffic.all_of("KITH_LONG" in os.environ)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(functools.partial(attempt, people), table))
    print(len(table), "attacks")


def dial():
    """Who was called misbehaves."""
    _all(_try_dial, attacks.AT_ONCE)


def listen():
    """The guest misbehaves."""
    _all(_try_listen, attacks.AT_ONCE)


def serve():
    """A known peer misbehaves, one channel after another."""
    local = Local()
    victim = attacked.Serve(*OPTIONS[2:], handle=local.handle)
    _all(lambda people, misdeed: _try_serve(people, victim, local, misdeed), 1)
    victim.end()


def forward():
    """The peer that is forwarded to misbehaves."""
    victim = attacked.Forward("--plain", *OPTIONS[2:])
    _all(lambda people, misdeed: _try_forward(people, victim, misdeed), 1)
    victim.end()


if __name__ == "__main__":
    daemons.run_subject([dial, listen, serve, forward])
