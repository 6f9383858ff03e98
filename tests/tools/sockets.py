"""Sockets of every kind as the ends of a channel: what a program that closes, breaks or dawdles
sees, and what becomes of what it has said.

usage: sockets.py SUBJECT [ARGUMENT...]     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import re
import signal
import select
import socket
import subprocess
import tempfile
import threading
import time

import cuts
import daemons
import kith
import proxy
from daemons import check

SIZE = 6000000
TRIES = 3


def _content(seed, size=SIZE):
    return random.Random(seed).randbytes(size)


def _path(kind, name):
    return os.path.abspath(name) if kind == "unix" else None


def _chain(local, target):
    return daemons.Chain(_path(local, "local"), _path(target, "target"))


def _read_slowly(sock, size=65536, pause=0.01):
    """All that comes, as a program takes it that has something to do meanwhile, and how it ends."""
    data = bytearray()
    try:
        while chunk := sock.recv(size):
            data += chunk
            time.sleep(pause)
    except ConnectionResetError:
        return bytes(data), "reset"
    except TimeoutError:
        return bytes(data), "nothing"
    return bytes(data), "end"


def _say(sock, words, seen):
    """To somebody who may be gone before it is all said: the system tells of a reset only once, to who
    writes or to who reads."""
    try:
        sock.sendall(words)
    except ConnectionResetError:
        seen.append("reset")
    except OSError:
        pass


def _in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def target_closes(local, target):
    """A target that answers and closes: a slow reader has all of it, and the end."""
    chain = _chain(local, target)
    answer = _content(1)
    near, far = chain.connection()

    def answer_and_close():
        far.sendall(answer)
        far.close()

    _in_background(answer_and_close)
    got, how = _read_slowly(near)
    check(got == answer and how == "end", f"the slow reader has {len(got)} bytes and sees {how}")
    near.close()
    chain.serve.logged(": whole")
    chain.forward.logged(": whole")
    chain.stop()


def near_closes(local, target):
    """A near program that speaks and closes: a slow target has all of it, and the end."""
    chain = _chain(local, target)
    words = _content(2)
    near, far = chain.connection()

    def speak_and_close():
        near.sendall(words)
        near.close()

    _in_background(speak_and_close)
    got, how = _read_slowly(far)
    check(got == words and how == "end", f"the slow target has {len(got)} bytes and sees {how}")
    far.close()
    chain.serve.logged(": whole")
    chain.forward.logged(": whole")
    chain.stop()


class Leave(proxy.Tap):
    """Ends the dialer's direction right behind its receipt, the second frame of no more than a tag."""

    def take(self, chunk):
        yield chunk
        traffic = self.passed[cuts.HANDSHAKE["d2l"]:]
        if proxy.frames(traffic).count(cuts.TAG) == 2:
            raise proxy.Severed


def _dial_and_leave(far, content):
    """alice dials, and half-closes as soon as she has said her receipt: what she is told."""
    through = proxy.Proxy(daemons.host_and_port(far), d2l=Leave(), how="half")
    with cuts.stream_of(content) as d_in, tempfile.TemporaryFile() as d_out:
        dialer = kith.dial(through.address, stdin=d_in, stdout=d_out)
        status = kith.status(dialer)
        check(through.severed, "she said no receipt")
        return status, cuts.contents(d_out)


def leaves_program():
    """A peer that ends its side behind its receipt has ours, though our program still runs."""
    far = daemons.serve(["sh", "-c", "cat; exec >&-; sleep 0.5"])
    got = _dial_and_leave(far.address, b"hello")
    check(got == (0, b"hello"), "the peer has", got)
    far.logged(": whole")
    far.stop()


def leaves_slow_target(kind):
    """The same though our target has not taken yet what it said before."""
    content = _content(4)
    target = daemons.Target(_path(kind, "target"))
    far = daemons.serve(target.address)
    outcome = []
    dialer = _in_background(lambda: outcome.append(_dial_and_leave(far.address, content)))
    sock = target.accept()
    sock.shutdown(socket.SHUT_WR)
    got, how = _read_slowly(sock, pause=0.02)
    check(got == content and how == "end", f"the target has {len(got)} bytes and sees {how}")
    dialer.join(kith.LIMIT)
    check(outcome == [(0, b"")], "the peer has", outcome)
    far.logged(": whole")
    far.stop()


def _speak_urgently(sock):
    for word in (b"before", b"after", b"and at last"):
        sock.sendall(word)
        sock.send(b"!", socket.MSG_OOB)
    sock.shutdown(socket.SHUT_WR)


URGENT = b"before!after!and at last!"


def urgent(local, target):
    """What a program sends as urgent is carried in its place."""
    chain = _chain(local, target)
    for first in ("near", "far"):
        near, far = chain.connection()
        speaker, hearer = (near, far) if first == "near" else (far, near)
        _speak_urgently(speaker)
        got = daemons.read_to_end(hearer)
        check(got == (URGENT, "end"), "what", first, "says is heard as", got)
        near.close()
        far.close()
    chain.stop()


def _socket_pair(kind):
    """Two ends of one connection."""
    if kind == "unix":
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        return one, server.accept()[0]


def urgent_stdin(kind):
    """The same with a socket as stdin."""
    ours, its = _socket_pair(kind)
    with tempfile.TemporaryFile() as out:
        listener, address = kith.listen("--recv-only", stdout=out)
        dialer = kith.dial(address, stdin=its)
        _speak_urgently(ours)
        check((kith.status(dialer), kith.status(listener)) == (0, 0), "not whole")
        check(cuts.contents(out) == URGENT, "it is heard as", cuts.contents(out))


def _verified(passed):
    """How many bytes of the stream are in the messages that have passed whole, to the dialer."""
    return sum(length - cuts.TAG for length in proxy.frames(passed[cuts.HANDSHAKE["l2d"]:]))


def _dawdle(fd, size, pause, seconds=3.5):
    """All that comes: at a steady pace, but after so long as fast as it comes."""
    data, end = bytearray(), time.monotonic() + seconds
    while chunk := os.read(fd, size):
        data += chunk
        if time.monotonic() < end:
            time.sleep(pause)
    return bytes(data)


def slow_stdout(kind):
    """The connection breaks, and who reads our stdout is slow but steady: all that had arrived is
    delivered. Who stands still for two seconds, as a machine may, is not: that is tried again."""
    outcomes = []
    while len(outcomes) < TRIES and (not outcomes or outcomes[-1]):
        outcomes.append(_delivered(kind))
    check(not outcomes[-1], outcomes)


def _delivered(kind):
    """What is wrong once that has happened."""
    if kind == "pipe":
        ours, its = os.pipe()
        size, pause = 512, 0.4  # a part of a page
    else:
        ours, its = (sock.detach() for sock in _socket_pair(kind))
        size, pause = 2048, 0.033
    content = _content(5, 1 << 20)
    with cuts.stream_of(content) as l_in, tempfile.TemporaryFile() as said:
        listener, address = kith.listen(stdin=l_in)
        through = proxy.Proxy(address, l2d=proxy.Cut(700000))
        dialer = kith.dial(through.address, stdin=subprocess.PIPE, stdout=its, stderr=said)
        os.close(its)
        got = _dawdle(ours, size, pause)
        ended = kith.status(dialer), kith.status(listener)
        arrived = _verified(through.l2d.passed)
        told = cuts.contents(said)
    os.close(ours)
    whole = got == content[:arrived] and ended == (8, 8) and b"took nothing" not in told
    return "" if whole else f"{len(got)} of {arrived} bytes, ended with {ended}: {told}"


def slow_near():
    """The same for a local program: the reset comes when it has what had arrived."""
    content = _content(6)
    target = daemons.Target()
    far = daemons.serve(target.address)
    through = proxy.Proxy(daemons.host_and_port(far.address), l2d=proxy.Cut(SIZE // 2))
    near_side = daemons.Daemon(
        "alice", "forward", ("--plain",), ["127.0.0.1:0", "bob@%s:%d" % through.address], "forward.err")
    near = daemons.connect(near_side.address)
    sock = target.accept()
    sender = _in_background(sock.sendall, content)
    got, how = _read_slowly(near)
    arrived = _verified(through.l2d.passed)
    check(got == content[:arrived] and how == "reset",
          "of", arrived, "bytes that arrived it has", len(got), "and sees", how)
    sender.join(kith.LIMIT)


def last_words(local):
    """A target that has not read all when it closes: the near program has what it said, and knows.
    What was on its way to it, more than fits into it, takes nothing of that away."""
    chain = _chain(local, "unix")
    answer = _content(7)
    near, far = chain.connection()

    def answer_and_close():
        far.sendall(answer)
        far.close()

    seen = []
    asker = _in_background(_say, near, _content(9), seen)
    far.recv(1, socket.MSG_PEEK)
    _in_background(answer_and_close)
    got, how = _read_slowly(near)
    asker.join(kith.LIMIT)
    check(got == answer and "reset" in (how, *seen), f"the slow reader has {len(got)} bytes and sees {how}")
    chain.serve.logged("the target (broke off|took no more)")
    chain.stop()


def last_words_of_near():
    """A near program that has closed, and a target that still speaks: it hears all, and is reset.
    What it says meanwhile, more than fits into the channel, takes nothing of that away."""
    chain = _chain("unix", "tcp")
    words = _content(8)
    near, far = chain.connection()

    def speak_and_close():
        near.sendall(words)
        near.recv(1, socket.MSG_PEEK)  # something is there that it does not read
        near.close()

    speaker = _in_background(speak_and_close)
    seen = []
    answerer = _in_background(_say, far, _content(9), seen)
    got, how = _read_slowly(far)
    for thread in (speaker, answerer):
        thread.join(kith.LIMIT)
    check(got == words and "reset" in (how, *seen), f"the slow target has {len(got)} bytes and sees {how}")
    chain.stop()


def _has_counted(daemon, count):
    """The daemon has written so many bytes to its end."""
    def has():
        daemon.signal(signal.SIGUSR1)
        return re.search(f"channel .*received={count} id=", daemon.log(), re.MULTILINE)

    return daemons.eventually(has, f"{daemon.log_name} counts {count} bytes")


def untaken_by_target():
    """A target that has taken nothing, and resets: its caller is not told that all arrived."""
    target = daemons.Target()
    far = daemons.serve(target.address)
    with cuts.stream_of(_content(9, 300000)) as d_in:
        dialer = kith.dial(daemons.host_and_port(far.address), stdin=d_in)
        sock = target.accept()
        sock.shutdown(socket.SHUT_WR)
        _has_counted(far, 300000)
        daemons.reset(sock)
        status = kith.status(dialer)
        check(status == 8, "the caller ends with", status)
    far.stop()


def _state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def unread_stdout(kind, when):
    """Who has our stdout, a socket, closes it before it has read anything: never whole, whether
    that comes before the peer's end, our stdin being another one, or together with it."""
    ours, its = _socket_pair(kind)
    listener, address = kith.listen(stdin=subprocess.PIPE)
    own = subprocess.PIPE if when == "before" else subprocess.DEVNULL
    dialer = kith.dial(address, stdin=own, stdout=its)
    its.close()
    listener.stdin.write(bytes(5000))
    listener.stdin.flush()
    select.select([ours], [], [], kith.LIMIT)
    if when == "together":
        dialer.send_signal(signal.SIGSTOP)
        daemons.eventually(lambda: _state(dialer.pid) == "T", "the dialer is stopped")
    ours.close()
    listener.stdin.close()
    dialer.send_signal(signal.SIGCONT)
    if when == "before":
        kith.status(listener)
        dialer.stdin.close()
    check((kith.status(dialer), kith.status(listener)) == (1, 8), "taken for whole")


def messages(which, kind):
    """A socket of messages as stdin or stdout, which may lose a part of them: refused."""
    ours, its = socket.socketpair(socket.AF_UNIX, getattr(socket, "SOCK_" + kind))
    with tempfile.TemporaryFile() as said:
        for start in (kith.dial, _listen_only):
            status = kith.status(start(("127.0.0.1", 1), stderr=said, **{which: its}))
            check(status == 1, "not refused, but", status)
        text = cuts.contents(said)
        check(text.count(b": it is a socket of messages, not of a stream") == 2, "it says", text)
    ours.close()


def _listen_only(_, **streams):
    return kith.start("bob", "listen", "127.0.0.1:0", **streams)


def small_buffer(end, polls):
    """A program at a UNIX socket whose send buffer is small says all that it has, whether it polls
    for room or not, and its system has nothing left of it after."""
    chain = _chain(*(("unix", "tcp") if end == "near" else ("tcp", "unix")))
    words = _content(9, 60000)
    ends = chain.connection()
    speaker, hearer = ends if end == "near" else reversed(ends)
    speaker.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    got = _in_background(_hear, hearer, len(words))
    speaker.settimeout(kith.LIMIT)
    if polls == "polls":
        speaker.setblocking(False)
    at = 0
    while at < len(words):
        if polls == "polls":
            check(select.select([], [speaker], [], kith.LIMIT)[1], "no room after", at)
        at += speaker.send(words[at:at + 1000])
    got.join(kith.LIMIT)
    check(not got.is_alive(), "not all of it has come")


def _hear(sock, size):
    while size > 0:
        size -= len(sock.recv(size))


def untaken_by_near():
    """The same for the local program of forward."""
    chain = daemons.Chain()
    near, far = chain.connection()
    near.shutdown(socket.SHUT_WR)
    far.sendall(bytes(300000))
    far.close()
    _has_counted(chain.forward, 300000)
    daemons.reset(near)
    chain.serve.logged("the program or disk there that took our data ended or failed")
    chain.stop()


def taken_late(local, target):
    """What is not taken at once is waited for, and then whole."""
    chain = _chain(local, target)
    for first in ("near", "far"):
        near, far = chain.connection()
        speaker, hearer = (near, far) if first == "near" else (far, near)
        hearer.shutdown(socket.SHUT_WR)
        speaker.sendall(_content(10, 300000))
        speaker.shutdown(socket.SHUT_WR)
        _has_counted(chain.serve if first == "near" else chain.forward, 300000)
        got = daemons.read_to_end(hearer)
        check(got == (_content(10, 300000), "end"), first, "speaks: heard", len(got[0]), got[1])
        near.close()
        far.close()
    chain.serve.logged(": whole", 2)
    chain.forward.logged(": whole", 2)
    chain.stop()


def broken(local, target, which):
    """Either kith is killed: what has said something sees a reset, whether it goes on or is done."""
    for done in (False, True):
        for near_says, far_says in ((b"question", b"answer"), (bytes(300000), bytes(300000))):
            chain = _chain(local, target)
            near, far = chain.connection()
            near.sendall(near_says)
            check(daemons.read_exactly(far, len(near_says)) == near_says, "the question is lost")
            far.sendall(far_says)
            check(daemons.read_exactly(near, len(far_says)) == far_says, "the answer is lost")
            if done:
                near.shutdown(socket.SHUT_WR)
                check(daemons.read_to_end(far) == (b"", "end"), "the end is lost")
            getattr(chain, which).signal(signal.SIGKILL)
            saw = [daemons.read_to_end(near)] + ([] if done else [daemons.read_to_end(far)])
            check(all(outcome == (b"", "reset") for outcome in saw),
                  done, len(near_says), which, "is killed, and they see", saw)
            near.close()
            far.close()
            for daemon in (chain.forward, chain.serve):
                daemon.signal(signal.SIGKILL)
                kith.status(daemon.process)
            if target == "unix":
                os.unlink("target")


def cut_between(local, target):
    """The connection between the two breaks: the same."""
    chain_target = daemons.Target(_path(target, "target"))
    far_side = daemons.serve(chain_target.address)
    for size in (1, 1000, 200000):
        through = proxy.Proxy(daemons.host_and_port(far_side.address), l2d=proxy.Cut(250000))
        near_side = daemons.Daemon(
            "alice", "forward", ("--plain",),
            [_path(local, "local") or "127.0.0.1:0", "bob@%s:%d" % through.address], "forward.err")
        near = daemons.connect(near_side.address)
        far = chain_target.accept()
        near.sendall(bytes(size))
        check(len(daemons.read_exactly(far, size)) == size, "the question is lost")
        sender = _in_background(far.sendall, bytes(300000))
        data, how = daemons.read_to_end(near)
        check(how == "reset" and len(data) == _verified(through.l2d.passed),
              "near sees", how, "after", len(data))
        sender.join(kith.LIMIT)
        check(daemons.read_to_end(far) == (b"", "reset"), "the target sees no reset")
        near.close()
        near_side.stop()
    far_side.stop()


def many_words(local, target):
    """Words of every size, one by one and many at a time, both ways at once: all of them, in order,
    and the end."""
    chain = _chain(local, target)
    near, far = chain.connection()
    contents = {near: _content(11, 900000), far: _content(12, 900000)}

    def speak(sock):
        pick, at = random.Random(13), 0
        while at < len(contents[sock]):
            size = pick.choice((1, 2, 17, 1000, 4096, 65536, 131072))
            sock.sendall(contents[sock][at:at + size])
            at += size
        sock.shutdown(socket.SHUT_WR)

    heard = {}

    def hear(sock):
        heard[sock] = daemons.read_to_end(sock)

    threads = [_in_background(act, sock) for act in (speak, hear) for sock in contents]
    for thread in threads:
        thread.join(kith.LIMIT)
    check(heard.get(near) == (contents[far], "end"), "near heard something else")
    check(heard.get(far) == (contents[near], "end"), "far heard something else")
    chain.serve.logged(": whole")
    chain.forward.logged(": whole")
    near, far = chain.connection()
    for word in range(3000):
        near.sendall(b"%d\n" % word)
        line = daemons.read_exactly(far, len(b"%d\n" % word))
        check(line == b"%d\n" % word, "word", word, "is heard as", line)
    near.close()
    far.close()
    chain.stop()


if __name__ == "__main__":
    daemons.run_subject([
        target_closes, near_closes, leaves_program, leaves_slow_target, urgent, urgent_stdin,
        slow_stdout, slow_near, last_words, last_words_of_near, untaken_by_target,
        untaken_by_near, unread_stdout, messages, small_buffer, taken_late, broken, cut_between, many_words])
