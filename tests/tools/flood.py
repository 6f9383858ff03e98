"""serve among strangers, and at its limits.

usage: flood.py SUBJECT [ARGUMENT...]     run in a directory with alice, bob and carol in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import contextlib
import os
import random
import resource
import select
import socket
import subprocess
import sys
import time

import daemons
import kith
import proxy
from daemons import check

STRANGERS = 1000 if "KITH_LONG" in os.environ else 300
HONEST_CALLS = 10
SIZE = 200000
MEMORY_KIB = 64 << 10  # what all strangers together may cost
MESSAGE_1 = 4 + 167


def _more_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def recorded_hellos(count):
    """Hellos of alice's to bob that he has not seen: a false bob has taken them."""
    with socket.create_server(("127.0.0.1", 0), backlog=count) as false_bob:
        false_bob.settimeout(kith.LIMIT)
        near = daemons.Daemon("alice", "forward", ("--plain",),
                              ["127.0.0.1:0", "bob@127.0.0.1:%d" % false_bob.getsockname()[1]],
                              "recorder.err")
        hellos = []
        for _ in range(count):
            with daemons.connect(near.address):
                connection, _ = false_bob.accept()
                with connection:
                    hellos.append(connection.recv(MESSAGE_1, socket.MSG_WAITALL))
        near.stop()
    check(all(len(hello) == MESSAGE_1 for hello in hellos), "a hello has another size")
    return hellos


def replayed_hello():
    """A recorded hello is answered once at most, and the second time it is refused as such."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    host, port = daemons.host_and_port(far.address)
    wire = proxy.Proxy((host, port))
    dialer = kith.dial(wire.address)
    check(kith.status(dialer) == 0, "the call that is recorded failed")
    wire.join()
    hellos = [bytes(wire.d2l.passed), *recorded_hellos(1)]
    for times, recorded in enumerate(hellos, 1):
        hello = recorded[:MESSAGE_1]
        if times == 2:
            with daemons.connect(far.address) as first:
                first.sendall(hello)
                check(len(first.recv(4096)) > 100, "a hello that is new was not answered")
        for again in range(3):
            with daemons.connect(far.address) as stranger:
                try:
                    stranger.sendall(recorded if again else hello)
                except ConnectionError:
                    pass
                answer, how = daemons.read_to_end(stranger)
                check(answer == b"" and how != "nothing", "a recording was answered, or left open")
        far.logged("alice.*refused: a hello that was seen before", 2 * times)


def more_than_hello():
    """A caller has nothing to say behind its hello before that is answered."""
    far = daemons.serve(["cat"])
    hello, = recorded_hellos(1)
    with daemons.connect(far.address) as stranger:
        stranger.sendall(hello + b"x")
        answer, how = daemons.read_to_end(stranger)
        check(answer == b"" and how in ("end", "reset"), "it was answered, or left open")
    far.logged("malformed handshake message")
    far.stop()


def storm(address, kind, count):
    """A process of its own: so many strangers of a kind, who come again whenever they are sent
    away, until it is killed. The hellos that it may say are on its standard input."""
    _more_descriptors()
    hellos = sys.stdin.buffer.read()
    pick = random.Random(kind)
    poll = select.epoll()
    strangers = {}
    print("ready", flush=True)
    while True:
        for _ in range(min(int(count) - len(strangers), 50)):
            sock = socket.socket()
            try:
                sock.connect(daemons.host_and_port(address))
                if kind == "garbage":
                    sock.sendall(pick.randbytes(pick.choice([1, 100, 4096])))
                elif kind == "hellos":
                    at = pick.randrange(len(hellos) // MESSAGE_1) * MESSAGE_1
                    sock.sendall(hellos[at:at + MESSAGE_1])
            except OSError:
                sock.close()
                continue
            strangers[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN)
        for descriptor, _ in poll.poll(0.05):
            try:
                if strangers[descriptor].recv(4096):
                    continue
            except OSError:
                pass
            poll.unregister(descriptor)
            strangers.pop(descriptor).close()
        time.sleep(0.02)  # a flood, but not of this machine


def _start_storm(far, kind, hellos):
    process = subprocess.Popen(
        [sys.executable, __file__, "storm", far.address, kind, str(STRANGERS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    daemons.also_started(process)
    process.stdin.write(hellos)
    process.stdin.close()
    check(process.stdout.readline() == b"ready\n", "no storm of", kind)
    return process


def _check_served(near, number):
    content = random.Random(number).randbytes(SIZE)
    with daemons.connect(near.address) as sock:
        sock.sendall(content)
        sock.shutdown(socket.SHUT_WR)
        check(daemons.read_to_end(sock) == (content, "end"), "honest call", number, "failed")


def strangers():
    """Silent ones, garbage and hellos at once, and an honest peer among them: it is served."""
    _more_descriptors()
    hellos = recorded_hellos(STRANGERS)
    target = daemons.Target(handle=daemons.tell_back)
    far = daemons.serve(target.address)
    near = daemons.forward(far, "--plain", who="carol")
    _check_served(near, 0)
    had, ran, memory = far.descriptors(), far.threads(), far.rss_kib()
    storms = [_start_storm(far, kind, b"".join(hellos))
              for kind in ("silent", "garbage", "hellos")]
    far.logged("[0-9]{3,} more refused in ")
    for number in range(HONEST_CALLS):
        _check_served(near, number)
    growth = far.rss_kib() - memory
    far.logged("gave way to newer callers")
    far.logged("not our protocol")
    far.logged("seen before")
    for process in storms:
        check(process.poll() is None, "a storm is over too early")
        process.kill()
        process.wait()
    far.has_again(had, ran)
    print("memory grew by", growth, "KiB")
    check("KITH_SANITIZED" in os.environ or growth <= MEMORY_KIB, "memory grew by", growth, "KiB")
    far.stop()


def _ask(sock):
    """Whether what is said comes back."""
    try:
        sock.sendall(b"hello")
        return daemons.read_exactly(sock, 5) == b"hello"
    except ConnectionError:
        return False


def _call(near):
    """A connection that is let in, or None."""
    try:
        sock = daemons.connect(near.address)
    except ConnectionError:
        return None
    return sock if _ask(sock) else None


def _comes_in(near):
    return daemons.eventually(lambda: _call(near) is not None, near.log_name, "lets in the next")


def max_connections():
    """So many channels, and no more, until one of them has ended."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--max-connections", "3")
    near = daemons.forward(far)
    held = [_call(near) for _ in range(3)]
    check(all(held), "three are not let in")
    check(_call(near) is None, "a fourth is let in")
    far.logged("too many connections")
    near.logged("bob.*closed during the handshake")
    check(all(_ask(sock) for sock in held), "those that are there were harmed")
    held.pop().close()
    _comes_in(near)


def max_connections_forward():
    """The same where the limit is the forwarder's."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    near = daemons.forward(far, "--max-connections", "2")
    held = [_call(near) for _ in range(2)]
    check(all(held), "two are not let in")
    check(_call(near) is None, "a third is let in")
    near.logged("too many connections")
    held.pop().close()
    _comes_in(near)


def max_per_peer():
    """So many channels of one key; another has its own."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--max-per-peer", "2")
    alice = daemons.forward(far, "--plain")
    carol = daemons.forward(far, "--plain", who="carol", log="carol.err")
    held = [_call(alice) for _ in range(2)]
    check(all(held), "two are not let in")
    check(_call(alice) is None, "a third is let in")
    far.logged("alice.*too many connections")
    held.append(_call(carol))
    check(held[-1], "another key is not let in")
    held.pop(0).close()
    _comes_in(alice)


def max_pending():
    """The oldest of those who have said nothing gives way, and none who is served."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--max-pending", "4", "-w", "1h")
    near = daemons.forward(far)
    served = _call(near)
    silent = [daemons.connect(far.address) for _ in range(6)]
    for number in range(10):
        check(_call(near), "honest call", number, "is kept out")
    check(daemons.read_to_end(silent[0]) in ((b"", "end"), (b"", "reset")), "the oldest stays")
    far.logged("gave way to newer callers before its handshake was done")
    check(_ask(served), "one that is served was harmed")


def pending_deadline():
    """Who says nothing, or not enough, is sent away in time."""
    far = daemons.serve(["cat"], "-w", "500ms")
    hello, = recorded_hellos(1)
    for said in (b"", hello[:100], hello):
        stranger = daemons.connect(far.address)
        with contextlib.suppress(ConnectionError):  # it may be in time before that
            stranger.sendall(said)
        check(daemons.read_to_end(stranger)[1] in ("end", "reset"), "still there after", len(said))
    far.logged("no handshake in time", 3)


LIMIT = 40  # descriptors
WATCHED_S = 2
TICKS = 40  # of 200 that one processor has in that time


def no_descriptors():
    """More callers than there are descriptors: it waits instead of spinning, and recovers."""
    options = ("--max-connections", "1000", "--max-pending", "1000", "-w", "1h")
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, *options)
    near = daemons.forward(far)
    resource.prlimit(far.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    callers = [daemons.connect(far.address) for _ in range(2 * LIMIT)]
    far.logged("cannot accept")
    before, lines, begun = far.ticks(), far.log().count("\n"), time.monotonic()
    time.sleep(WATCHED_S)
    used, said = far.ticks() - before, far.log().count("\n") - lines
    watched = time.monotonic() - begun
    check(used <= TICKS * watched / WATCHED_S, "it took", used, "ticks to wait")
    check(said <= 5 * watched, "it said", said, "lines in", watched, "s")
    for caller in callers:
        caller.close()
    _comes_in(near)
    far.stop()


if __name__ == "__main__":
    daemons.run_subject([
        replayed_hello, more_than_hello, storm, strangers, max_connections,
        max_connections_forward, max_per_peer, max_pending, pending_deadline, no_descriptors])
