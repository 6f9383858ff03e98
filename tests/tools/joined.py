"""What a near and a far program see of each other through forward and serve.

usage: joined.py SUBJECT [ARGUMENT...]     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import signal
import socket
import threading

import daemons
import kith
from daemons import check

SIZE = 3 << 20


def _content(seed, size=SIZE):
    return random.Random(seed).randbytes(size)


def _path(kind, name):
    return os.path.abspath(name) if kind == "unix" else None


def both_ways(local, target, *options):
    """Both programs send at once, and end; each has what the other sent, and its end."""
    chain = daemons.Chain(_path(local, "local"), _path(target, "target"), forward_options=options)
    near, far = chain.connection()
    contents = {near: _content(1), far: _content(2)}

    def send(sock):
        sock.sendall(contents[sock])
        sock.shutdown(socket.SHUT_WR)

    senders = [threading.Thread(target=send, args=(sock,)) for sock in contents]
    got = {near: [], far: []}
    readers = [threading.Thread(target=lambda s=sock: got[s].append(daemons.read_to_end(s)))
               for sock in got]
    for thread in senders + readers:
        thread.start()
    for thread in senders + readers:
        thread.join()
    check(got[near] == [(contents[far], "end")], "near got something else")
    check(got[far] == [(contents[near], "end")], "far got something else")
    chain.stop()


def half_close(*options):
    """Either side may end first, with or without having said something, before or after."""
    chain = daemons.Chain(forward_options=options)
    for first in ("near", "far"):
        for said_before in (b"", b"before the end"):
            for said_after in (b"", b"after the other's end", _content(3)):
                near, far = chain.connection()
                a, b = (near, far) if first == "near" else (far, near)
                a.sendall(said_before)
                a.shutdown(socket.SHUT_WR)
                check(daemons.read_to_end(b) == (said_before, "end"), first, "first: its end")
                sender = threading.Thread(target=b.sendall, args=(said_after,))
                sender.start()
                check(daemons.read_exactly(a, len(said_after)) == said_after,
                      first, "first: what came after its end")
                sender.join()
                b.shutdown(socket.SHUT_WR)
                check(daemons.read_to_end(a) == (b"", "end"), first, "first: the other's end")
                near.close()
                far.close()
    chain.stop()


def full_close():
    """A program that closes at once after its last word: all of it arrives."""
    chain = daemons.Chain()
    for _ in range(20):
        near, far = chain.connection()
        near.sendall(b"question")
        near.shutdown(socket.SHUT_WR)
        check(daemons.read_to_end(far) == (b"question", "end"), "the question")
        far.sendall(b"answer" * 10000)
        far.close()
        check(daemons.read_to_end(near) == (b"answer" * 10000, "end"), "the answer")
        near.close()
    chain.stop()


def who_speaks_first(*options):
    """A target that greets, and one that waits to be asked; line by line, many times."""
    chain = daemons.Chain(forward_options=options)
    for first in ("near", "far"):
        near, far = chain.connection()
        speaker, other = (near, far) if first == "near" else (far, near)
        for number in range(200):
            line = b"%d\n" % number
            speaker.sendall(line)
            check(daemons.read_exactly(other, len(line)) == line, first, "speaks first:", number)
            speaker, other = other, speaker
        near.close()
        far.close()
    chain.stop()


def target_resets():
    """A target that dies in mid-answer is a reset at the near program, not an end."""
    chain = daemons.Chain()
    for answered in (0, 1, 100000, SIZE):
        near, far = chain.connection()
        near.sendall(b"question")
        daemons.read_exactly(far, 8)
        sender = threading.Thread(target=lambda n=answered: far.sendall(bytes(n)))
        sender.start()
        got = daemons.read_exactly(near, answered)
        sender.join()
        daemons.reset(far)
        rest, how = daemons.read_to_end(near)
        check(how == "reset", "after", answered, "bytes the near program saw", how)
        check(len(got + rest) == answered, "it got", len(got + rest), "bytes of", answered)
    chain.serve.logged("target|connection reset|cannot", 4)
    chain.forward.logged("cut short", 4)
    chain.stop()


TARGET_PROCESS = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sock, _ = server.accept()
sock.recv(8)
while True:
    sock.sendall(bytes(65536))
"""


def target_killed():
    """The same with a process that is killed while it answers, and has not read all it was asked."""
    process = daemons.popen_python(TARGET_PROCESS)
    far = daemons.serve("127.0.0.1:%d" % int(process.stdout.readline()))
    near = daemons.connect(daemons.forward(far).address)
    near.sendall(b"question and a second one")
    daemons.read_exactly(near, 1 << 20)
    process.send_signal(signal.SIGKILL)
    _, how = daemons.read_to_end(near)
    check(how == "reset", "the near program saw", how)


def program_fails():
    """A program that fails in mid-answer is a reset as well, whatever it has said."""
    for said in (0, 1, 100000, SIZE):
        for end in ("exit 1", "kill -KILL $$"):
            far = daemons.serve(["sh", "-c", f"head -c {said} /dev/zero; {end}"])
            near = daemons.forward(far)
            got, how = daemons.read_to_end(daemons.connect(near.address))
            check((len(got), how) == (said, "reset"), end, "after", said, "bytes:", len(got), how)
            near.stop()
            far.stop()


def near_resets():
    """A near program that dies is a reset at the target."""
    chain = daemons.Chain()
    for said in (0, 1, 100000):
        near, far = chain.connection()
        near.sendall(bytes(said))
        got = daemons.read_exactly(far, said)
        daemons.reset(near)
        rest, how = daemons.read_to_end(far)
        check(how == "reset", "after", said, "bytes the target saw", how)
        check(len(got + rest) == said, "it got", len(got + rest), "bytes of", said)
    chain.stop()


def target_refuses():
    """Nobody at the target: the near program sees a reset at once, and both sides know why."""
    target = daemons.Target(port=daemons.free_port())
    target.close()
    far = daemons.serve(target.address)
    near = daemons.forward(far)
    daemons.check_turned_away(near)
    far.logged(f"alice.*cannot reach the target: {target.address}: Connection refused")
    near.logged("bob.*the peer cannot reach its target")
    near.stop()
    far.stop()


def no_peer():
    """Nobody where the peer should be, and one who is not it: a reset, and the log says why."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, listen=f"127.0.0.1:{daemons.free_port()}")
    near = daemons.forward(far)
    far.stop()
    daemons.check_turned_away(near)
    near.logged("bob.*cannot be reached.*refused")
    other = daemons.serve(target.address, listen=far.address, who="carol", log="carol.err")
    daemons.check_turned_away(near)
    near.logged("bob.*closed during the handshake")
    other.logged("meant for another key")
    near.stop()


def killed(which):
    """SIGKILL of either kith is a reset at the program of the other end, and at its own."""
    chain = daemons.Chain()
    near, far = chain.connection()
    near.sendall(b"some")
    check(daemons.read_exactly(far, 4) == b"some", "it does not carry")
    getattr(chain, which).signal(signal.SIGKILL)
    check(daemons.read_to_end(near)[1] == "reset", "the near program sees no reset")
    check(daemons.read_to_end(far)[1] == "reset", "the far program sees no reset")
    other = chain.serve if which == "forward" else chain.forward
    other.logged("cut short")
    other.stop()


def killed_waiting(option):
    """SIGKILL of forward while its peer says nothing: its program's connection is no whole one."""
    far = daemons.Target()
    near = daemons.forward(far, "--ready-on", "listen", option)
    sock = daemons.connect(near.address)
    caller = far.accept()  # for that connection
    near.signal(signal.SIGKILL)
    check(daemons.read_to_end(sock)[1] == "reset", "the program sees no reset")
    caller.close()


def killed_under_load(which):
    """The same while both directions are full."""
    chain = daemons.Chain()
    near, far = chain.connection()

    told = set()  # the system says it once, to whoever asks first

    def pour(sock):
        try:
            while True:
                sock.sendall(bytes(1 << 16))
        except ConnectionResetError:
            told.add(sock)
        except OSError:
            pass

    pourers = [threading.Thread(target=pour, args=(sock,)) for sock in (near, far)]
    for thread in pourers:
        thread.start()
    daemons.read_exactly(near, SIZE)
    daemons.read_exactly(far, SIZE)
    getattr(chain, which).signal(signal.SIGKILL)
    told |= {sock for sock in (near, far) if daemons.read_to_end(sock)[1] == "reset"}
    for thread in pourers:
        thread.join(kith.LIMIT)
    check(not any(thread.is_alive() for thread in pourers), "who sends is not told")
    check(near in told, "the near program saw no reset")
    check(far in told, "the far program saw no reset")


if __name__ == "__main__":
    daemons.run_subject([
        both_ways, half_close, full_close, who_speaks_first, target_resets, target_killed,
        program_fails, near_resets, target_refuses, no_peer, killed, killed_waiting,
        killed_under_load])
