"""The attacks of hellos.py, answers.py and traffic.py, tried on the program.

usage: attacks.py SUBJECT [ARGUMENT...]     run in a directory with alice, bob and carol in it

Of each it is asked: the reason that is given, in the log or by the exit status; the silence on the
wire; the place, which has to be free again; and an honest peer, who has to be served right after.
Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import collections
import concurrent.futures
import contextlib
import functools
import os
import re
import socket

import answers
import attacked
import daemons
import hellos
import speaker
import spoiled
from daemons import check

SHOWN = 5  # callers of a kind that a log shows at a time
AT_ONCE = 4
SOME = 1 if os.environ.get("KITH_LONG") else 4  # each so manieth, where roles have much in common


def scene():
    """The identities, and a session of alice's that was recorded."""
    found = hellos.Scene(*map(speaker.identity_of, ("alice", "bob", "carol")))
    caller = speaker.Dialer(found.alice, found.bob.public)
    caller.message_1()
    listener = speaker.Listener(found.bob, caller.hello_d)
    caller.take_2(listener.answer())
    found.answered = caller
    return found


def batches(attacks):
    """Portions of them, of which a log shows every one: it shows a few of each kind at a time."""
    portions = []
    for attack in attacks:
        kinds = str(attack.reason).split("|")
        fitting = [portion for portion in portions
                   if all(portion[1][kind] < SHOWN for kind in kinds)]
        if not fitting:
            fitting.append(([], collections.Counter()))
            portions += fitting
        batch, said = fitting[0]
        batch.append(attack)
        said.update(kinds)
    return [batch for batch, _ in portions]


def _tell(attack, caller, sock):
    """Say it; what came as an answer to message 1."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        sock.sendall(attack.first(caller))
        if attack.third:
            answer = speaker.read_frame(sock)
            caller.take_2(answer)
            sock.sendall(attack.third(caller))
    return answer


def _try(victim, people, attack):
    """One attack; the port that it came from."""
    caller = speaker.Dialer(people.alice, people.bob.public, victim.namespace)
    with victim.connect() as sock:
        port = sock.getsockname()[1:2]
        if attack.reason is spoiled.ANSWERED:
            check(attacked.shake_hands(caller, sock, attack.first(caller)), attack.name,
                  "was not answered")
            return port
        answer = _tell(attack, caller, sock)
        check(bool(answer) == bool(attack.third), attack.name, "was answered" if answer else
              "got no message 2")
        more, how = daemons.read_to_end(sock)
        check(more == b"", attack.name, "got", len(more), "bytes")
        check(how in ("end", "reset"), attack.name, "was left open")
    victim.check_honest(people, attack.name)
    return port


def _on(victim_class, step=1):
    """Every attack on a listener, or some, of which an honest peer's call is the last."""
    people = scene()
    attacks = hellos.all_of(people, victim_class.namespace)[::step]
    for batch in batches(attacks):
        victim = victim_class()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ports = list(pool.map(lambda attack: _try(victim, people, attack), batch))
        for (port, *_), attack in zip(ports, batch):
            if attack.reason is not spoiled.ANSWERED:
                daemons.eventually(lambda: port in attacked.refusals(victim.log()),
                                   "the log tells of", attack.name)
                reason = attacked.refusals(victim.log()).get(port, "nothing")
                check(re.match(attack.reason, reason), attack.name, "is told as:", reason)
        victim.end()
    print(sum(attack.reason is not spoiled.ANSWERED for attack in attacks), "attacks")


def serve():
    """Callers of serve."""
    _on(attacked.Serve)


def listen():
    """Callers of listen."""
    _on(attacked.Listen)


def forward_accept():
    """Callers of forward."""
    _on(attacked.ForwardAccept, SOME)


def _in_turn(victim_class):
    """Callers who have no address to be told by: one after another."""
    people = scene()
    table = [attack for attack in hellos.all_of(people) if attack.reason][::SOME]
    for batch in batches(table):
        victim = victim_class()
        for attack in batch:
            before = len(reasons(victim))
            _try(victim, people, attack)
            daemons.eventually(lambda: len(reasons(victim)) > before, "the log tells of",
                               attack.name)
            reason = reasons(victim)[-1]
            check(re.match(attack.reason, reason), attack.name, "is told as:", reason)
        victim.end()
    print(len(table), "attacks")


def serve_at_path():
    """Callers of a serve at a UNIX socket."""
    _in_turn(attacked.ServeAtPath)


def serve_inetd():
    """Callers of a super-server."""
    _in_turn(attacked.ServeInetd)


def reasons(victim):
    """The reasons of all refusals so far."""
    return re.findall(" refused: (.*)", victim.log())


def _say(answer, sock, listener):
    """Say it; silence has to follow."""
    with contextlib.suppress(ConnectionError):
        sock.sendall(answer.said(listener))
        if answer.shut:
            sock.shutdown(socket.SHUT_WR)
    rest, how = daemons.read_to_end(sock)
    check(rest == b"", answer.name, "was answered with", len(rest), "bytes")
    check(how in ("end", "reset"), answer.name, "was left open")


def _answered_by(victim, at_once, step=1):
    """Every false answer to one that calls, or some."""
    people = scene()
    table = answers.all_of(people)[::step]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda answer: victim.be_called(
            people, functools.partial(_say, answer), answer.name, answer.reason, answer.status),
            table))
    victim.end()
    print(len(table), "attacks")


def dial():
    """Who answers dial."""
    _answered_by(attacked.Dial(), AT_ONCE)


def check_peer():
    """Who answers check."""
    _answered_by(attacked.Check(), AT_ONCE, SOME)


def serve_call():
    """Who answers serve."""
    _answered_by(attacked.ServeCall(), 2 * AT_ONCE, SOME)


def forward():
    """Who answers forward."""
    _answered_by(attacked.Forward("--plain"), 1)


if __name__ == "__main__":
    daemons.run_subject([serve, listen, serve_at_path, serve_inetd, forward_accept, dial,
                         check_peer, serve_call, forward])
