"""Channels that stay, between forward and serve, seen from outside: how many connections there are
on the way, what passes while nothing is carried, and what becomes of who is local.

usage: channels.py SUBJECT      run in a directory with the folders alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import contextlib
import errno
import os
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time
import types

import daemons
import kith
from daemons import check, eventually, free_port
from path import Path

NONE_SPARE = ("--spare", "0")


def answered(address, said, limit=kith.LIMIT):
    """What comes back for this, and how that ends."""
    try:
        with daemons.connect(address) as sock:
            sock.settimeout(limit)
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            return daemons.read_to_end(sock)
    except OSError as error: # a reset may come at any of these
        if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
            raise
    return b"", "reset"


def is_echoed(address, said=b"hello", limit=kith.LIMIT):
    """Whether all of it comes back."""
    return answered(address, said, limit) == (said, "end")


def scene(*forward_options, serve_options=(), handle=daemons.echo):
    """A target, who serves it, the way there, and who forwards."""
    target = daemons.Target(handle=handle)
    server = daemons.serve(target.address, *serve_options)
    path = Path(server.address)
    return server, path, daemons.forward(path, *forward_options)


def reuse():
    """One channel for connections one after another; with --plain one for each."""
    server, path, near = scene(*NONE_SPARE)
    for number in range(20):
        check(is_echoed(near.address, b"%d" % number), "the connection", number)
    check(path.made <= 5, "20 connections were made on", path.made, "channels")
    near.stop()
    plain = daemons.forward(path, "--plain", log="plain.err")
    before = path.made
    for number in range(5):
        check(is_echoed(plain.address, b"%d" % number), "the plain connection", number)
    check(path.made == before + 5, "5 plain ones on", path.made - before, "channels")
    plain.stop()
    server.stop()


def at_paths():
    """With UNIX sockets at both ends."""
    far = daemons.Target(os.path.abspath("far"), handle=daemons.tell_back)
    server = daemons.serve(far.address)
    near = daemons.forward(server, local=os.path.abspath("near"))
    for number in range(10):
        said = random.Random(number).randbytes(100000 * (number % 3))
        check(is_echoed(near.address, said), "the connection", number)
    near.stop()
    server.stop()


def at_once():
    """16 programs, each with one connection after another: nobody gets what is another's."""
    server, path, near = scene()
    descriptors, threads = near.descriptors(), near.threads()

    def one(program):
        for number in range(15):
            said = random.Random(100 * program + number).randbytes(1 + 4000 * (number % 4))
            check(is_echoed(near.address, said), "program", program, "connection", number)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(16)))
    check(path.made < 120, "240 connections were made on", path.made, "channels")
    # Those that carry nothing have a descriptor each; 8 of them are kept.
    near.has_again(descriptors + 8, threads + 16)
    near.stop()
    server.stop()


def at_first():
    """Channels that are spare are there before anybody needs them, and one that is taken is replaced."""
    server, path, near = scene("--spare", "3")

    def are_idle():
        near.signal(signal.SIGUSR1)
        return "kept=3 open=0" in near.log()

    eventually(are_idle, "3 channels that are ready")
    with daemons.connect(near.address) as sock:
        sock.sendall(b"hello")
        check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        eventually(lambda: path.made == 4, "a 4th channel, but there are", path.made)
    near.stop()
    server.stop()


def kinds():
    """Who takes no kept channel is not called with another kind; the log says what to do."""
    process, address = kith.listen(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    older = type("Older", (), {"address": "%s:%d" % address})
    near = daemons.forward(older, "--ready-on", "listen")
    check(answered(near.address, b"hello") == (b"", "reset"), "a program is not reset")
    near.logged("closed during the handshake; .*it keeps no channels, for example a listen \\(--plain\\)")
    near.stop()
    plain = daemons.forward(older, "--plain", log="plain.err")
    with daemons.connect(plain.address) as sock:
        sock.sendall(b"hello")
        check(process.stdout.read(5) == b"hello", "what a plain channel carries")
        process.stdin.close()
        sock.shutdown(socket.SHUT_WR)
        check(daemons.read_to_end(sock) == (b"", "end"), "a plain channel's end")
    check(kith.status(process) == 0, "listen did not end in order")
    plain.stop()


def forgotten():
    """A channel that a NAT has forgotten: another one is made beside it, and nothing is lost."""
    server, path, near = scene("--spare", "1")
    eventually(lambda: path.made == 1, "a channel")
    path.forget()
    check(is_echoed(near.address), "a connection on the way that was forgotten")
    near.stop()
    server.stop()


def pings():
    """Who carries nothing is asked whether it is there, and one that does not answer is replaced."""
    server, path, near = scene("--ping", "1s")
    eventually(lambda: path.made == 1, "a channel")
    before = path.passed
    eventually(lambda: path.passed >= before + 2 * 2 * 21, "a PING and its PONG, twice")
    check(path.made == 1, "there are", path.made, "channels, though nobody forgets them")
    path.forget()
    eventually(lambda: path.made >= 2, "another channel")
    check(is_echoed(near.address), "a connection")
    near.stop()
    server.stop()


def frozen():
    """A server that stands still for a while: who waits for it is served once it goes on."""
    starts = []

    def handle(sock):
        starts.append(sock)
        daemons.echo(sock)

    server, _, near = scene(handle=handle)
    server.signal(signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waits = pool.submit(is_echoed, near.address)
        check(not concurrent.futures.wait([waits], 1.5).done, "served by who stands still")
        server.signal(signal.SIGCONT)
        check(waits.result(), "a connection that came meanwhile")
    check(is_echoed(near.address), "the next one")
    near.stop()
    server.stop()


def starter(handle):
    """What starts a server with such a target, each time at the same port."""
    port = free_port()
    target = daemons.Target(handle=handle)
    return lambda: daemons.serve(target.address, listen=f"127.0.0.1:{port}")


def killed():
    """A server that is gone: who comes is reset in the end, and the log says so once; then it is back."""
    start = starter(daemons.echo)
    server = start()
    near = daemons.forward(server, "-w", "1s")
    server.process.kill()
    server.process.wait()
    check(answered(near.address, b"hello") == (b"", "reset"), "a program is not reset")
    check(answered(near.address, b"hello") == (b"", "reset"), "the next one is not reset")
    near.logged("cannot be reached")
    server = start()
    near.logged("the peer is there again")
    check(is_echoed(near.address), "a connection to who is back")
    lines = [line for line in near.log().splitlines() if " bob" in line or "again" in line]
    check(len([line for line in lines if "reached" in line]) == 1, "more than one line:", *lines)
    near.stop()
    server.stop()


def restarted():
    """A server that is restarted, under short connections: none is lost."""
    start = starter(daemons.tell_back)
    server = start()
    near = daemons.forward(server)
    done = []
    over = threading.Event()

    def load(program):
        for number in range(10000):
            if over.is_set():
                return
            said = b"%d %d" % (program, number)
            check(is_echoed(near.address, said), "lost:", said)
            done.append(said)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        loads = [pool.submit(load, program) for program in range(4)]
        for _ in range(2):
            before = len(done)
            eventually(lambda n=before: len(done) > n + 40, "connections")
            server.stop()
            server = start()
        before = len(done)
        eventually(lambda: len(done) > before + 40, "connections after it")
        over.set()
        concurrent.futures.wait(loads)
    near.stop()
    server.stop()


def removed():
    """A key that is removed: its channels are ended at once, whether they carry anything or not."""
    server, path, near = scene(*NONE_SPARE)
    with daemons.connect(near.address) as sock:
        sock.sendall(b"hello")
        check(daemons.read_exactly(sock, 5) == b"hello", "the connection")
        check(is_echoed(near.address), "the connection beside it")
        near.logged(": whole ") # and so there is a channel that carries nothing
        with open("bob/peers", "w", encoding="ascii") as peers:
            peers.write("%064x nobody\n" % 9)
        with open("carol/identity.pub", encoding="ascii") as key, \
                open("bob/peers", "w", encoding="ascii") as peers:
            peers.write(key.read())
        server.signal(signal.SIGHUP)
        check(daemons.read_to_end(sock) == (b"", "reset"), "what is carried is not reset")
    eventually(lambda: path.open == 0, "no channel is left, but there are", path.open)
    server.logged("ended: its key is no longer in the peers file", 2)
    near.stop()
    server.stop()


def closed():
    """Channels beyond those that are spare are closed after --keep-time, and in order."""
    server, path, near = scene(*NONE_SPARE, "--keep-time", "500ms")
    check(is_echoed(near.address), "a connection")
    eventually(lambda: path.open == 0, "the channel is closed")
    check(is_echoed(near.address), "the next connection")
    check(path.made == 2, "2 connections were made on", path.made, "channels")
    near.stop()
    server.stop()


def pinged():
    """A PING is no use of a channel that --keep-time would count, nor a stream for --idle-timeout."""
    idle = ("--idle-timeout", "500ms")
    server, path, near = scene("--ping", "1s", *idle, serve_options=idle)
    eventually(lambda: path.made > 0, "a channel")
    carried = path.carried[0]
    eventually(lambda: path.carried[0] > carried + 3 * 2 * 21, "three PINGs and their answers")
    check(path.made == path.open == 1, "nobody ends a channel that carries no stream")
    near.stop()
    near = daemons.forward(path, *NONE_SPARE, "--ping", "1s", "--keep-time", "2500ms", log="kept.err")
    check(is_echoed(near.address), "a connection")
    eventually(lambda: path.open == 0, "the channel is closed")
    near.stop()
    server.stop()


def freshest():
    """A connection takes the channel that was given back last: a NAT knows that one best."""
    server, path, near = scene(*NONE_SPARE)

    def have(number):
        """That number of channels carry nothing."""
        def told():
            near.signal(signal.SIGUSR1)
            time.sleep(0.02)
            return re.findall(r"kept=(\d+)", near.log())[-1:] == [str(number)]
        eventually(told, f"{number} channels carry nothing")

    for last in (0, 1):
        socks = [daemons.connect(near.address) for _ in range(2)]
        for sock in socks:
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "a connection")
        before = list(path.carried)
        socks[last].sendall(bytes(1000))
        check(daemons.read_exactly(socks[last], 1000) == bytes(1000), "the one that ends last")
        which = next(n for n in range(2) if path.carried[n] > before[n] + 1000)
        socks[1 - last].close()
        have(1)
        socks[last].close()
        have(2)
        before = list(path.carried)
        check(is_echoed(near.address, bytes(1000)), "the next connection")
        eventually(lambda: path.carried[which] > before[which] + 1000, "the freshest carries it")
        have(2)
    near.stop()
    server.stop()


def _crowd(near):
    """Three connections at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(daemons.connect(near.address))
            sock.sendall(b"hello")
            check(daemons.read_exactly(sock, 5) == b"hello", "a connection")


def too_many():
    """No more than --keep are kept, but for a moment: another crowd finds the channels of the last."""
    server, path, near = scene(*NONE_SPARE, "--keep", "1")

    def finds_them():
        made = path.made
        _crowd(near)
        return path.made == made

    _crowd(near)
    eventually(finds_them, "a crowd makes no channel")
    eventually(lambda: path.open == 1, "one channel is left, not", path.open)
    near.stop()
    server.stop()


def aged():
    """No channel is older than --channel-age: another one takes its place."""
    server, path, near = scene("--channel-age", "1s")
    eventually(lambda: path.made >= 3 and path.open <= 2, "a third channel")
    check(is_echoed(near.address), "a connection")
    near.stop()
    server.stop()


def _is_readable(fd, seconds):
    return bool(select.select([fd], [], [], seconds)[0])


def ready():
    """--ready-fd once the first channel is there, or with --ready-on listen before."""
    port = free_port()
    target = daemons.Target(handle=daemons.echo)
    reading, writing = os.pipe()
    with open("forward.err", "ab") as log:
        near = kith.start("alice", "forward", "--ready-fd", str(writing), "127.0.0.1:0",
                          f"bob@127.0.0.1:{port}", pass_fds=[writing], stderr=log)
    os.close(writing)
    with open("forward.err", encoding="ascii") as log:
        eventually(lambda: "cannot be reached" in log.read(), "the first call fails")
    check(not _is_readable(reading, 0), "ready without a peer")
    server = daemons.serve(target.address, listen=f"127.0.0.1:{port}")
    check(_is_readable(reading, kith.LIMIT), "never ready")
    check(is_echoed(os.read(reading, 100).decode().strip()), "a connection")
    near.terminate()
    check(kith.status(near) == 0, "forward did not end in order")
    nobody = type("Nobody", (), {"address": f"127.0.0.1:{free_port()}"})
    daemons.forward(nobody, "--ready-on", "listen", log="listen.err").stop()
    server.stop()


def breaks():
    """A stream that breaks: who is local is reset, and the next one is served."""
    def handle(sock):
        if daemons.read_exactly(sock, 5) == b"break":
            sock.sendall(b"part")
            daemons.reset(sock)
        else:
            sock.sendall(b"whole")

    server, _, near = scene(handle=handle)
    for number in range(5):
        with daemons.connect(near.address) as sock:
            sock.sendall(b"break")
            data, how = daemons.read_to_end(sock)
            check(how == "reset" and b"part".startswith(data), number, "breaks with", data, how)
        check(answered(near.address, b"other") == (b"whole", "end"), number, "and the next")
    near.stop()
    server.stop()


def slow_target():
    """A target that lets us wait is not asked a second time."""
    starts = []

    def handle(sock):
        starts.append(sock)
        daemons.read_exactly(sock, 5)
        time.sleep(1.5)
        sock.sendall(b"late")

    server, _, near = scene(handle=handle)
    check(answered(near.address, b"hello") == (b"late", "end"), "a slow target")
    check(len(starts) == 1, "it was asked", len(starts), "times")
    near.stop()
    server.stop()


def unreached():
    """A target that is down: the program is reset, the reason is said at both ends, the channel stays."""
    target = daemons.Target(handle=daemons.echo, port=free_port())
    server = daemons.serve(target.address)
    path = Path(server.address)
    near = daemons.forward(path)
    eventually(lambda: path.made == 1, "a channel")
    port = daemons.host_and_port(target.address)
    target.server.shutdown(socket.SHUT_RDWR)
    target.close()
    for _ in range(3):
        check(answered(near.address, b"hello") == (b"", "reset"), "a program is not reset")
    near.logged("the peer cannot reach its target", 3)
    server.logged("cannot reach the target", 3)
    again = socket.create_server(port)
    waits = threading.Thread(target=lambda: daemons.echo(again.accept()[0]))
    waits.start()
    check(is_echoed(near.address), "a connection once it is there")
    waits.join()
    check(path.made <= 3, "there are", path.made, "channels")
    near.stop()
    server.stop()


def all_are_taken(near, count):
    """Whether it says that it has so many connections without a channel, once asked."""
    near.signal(signal.SIGUSR1)
    return f" pending={count} " in near.log()


def waits_at_the_end():
    """Who waits for a channel when we end is reset then, and the peer is not called for it."""
    server, path, near = scene("-w", "60s", serve_options=("--max-per-peer", "1"))
    with daemons.connect(near.address) as held:
        held.sendall(b"hello")
        check(daemons.read_exactly(held, 5) == b"hello", "a connection")
        waiting = [daemons.connect(near.address) for _ in range(3)]
        eventually(lambda: all_are_taken(near, 3), "all three wait")
        server.refused("too many", 1)
        near.signal(signal.SIGTERM)
        for sock in waiting:
            with sock:
                sock.settimeout(kith.LIMIT)
                try:
                    outcome = sock.recv(1)
                except ConnectionResetError:
                    outcome = "reset"
                check(outcome == "reset", "who waits is not reset:", outcome)
        made = path.made
    near.ends(0)
    check(path.made <= made + 3, "the peer is called for those who are gone") # 3 may have been under way
    near.logged("reset, since they had none yet: 3")
    server.stop()


def alternates():
    """A peer that cannot be called for this reason and that one: each is said once."""
    port = free_port()
    near = daemons.forward(types.SimpleNamespace(address=f"127.0.0.1:{port}"), *NONE_SPARE, "--ready-on", "listen")
    for _ in range(2):
        daemons.check_turned_away(near)
        near.logged("Connection refused")
        with socket.create_server(("127.0.0.1", port)) as server:
            hangs_up = threading.Thread(target=lambda: server.accept()[0].close())
            hangs_up.start()
            daemons.check_turned_away(near)
            hangs_up.join()
        near.logged("refuses us|hung up|no answer|closed")
    check(near.log().count("Connection refused") == 1, "it is said again:", near.log())
    check(len(near.log().splitlines()) <= 4, "a line for each:", near.log())
    near.stop()


def small_messages():
    """With messages smaller than a record, targets are found by their names, and refusals are said."""
    small = ("--max-message-size", "1")
    port = free_port()
    target = daemons.Target(handle=daemons.echo)
    server = daemons.Daemon("bob", "serve", small, ["127.0.0.1:0", "a-long-name=" + target.address,
                                                    f"down=127.0.0.1:{port}"], "serve.err")
    peer = f"bob@{server.address}"
    near = daemons.Daemon("alice", "forward", small, ["0", f"{peer}:a-long-name"], "forward.err")
    check(is_echoed(near.address), "a connection to a target by its name")
    near.stop()
    near = daemons.Daemon("alice", "forward", small, ["0", f"{peer}:down"], "down.err")
    check(answered(near.address, b"hello") == (b"", "reset"), "a program is not reset")
    near.logged("the peer cannot reach its target")
    near.stop()
    for command, name, expected in (("check", "a-long-name", 0), ("dial", "a-long-name", 0),
                                    ("check", "none", 5)):
        asks = kith.start("alice", command, *small, f"{peer}:{name}")
        check(kith.status(asks) == expected, command, name)
    server.stop()


if __name__ == "__main__":
    daemons.run_subject([reuse, at_paths, at_once, at_first, kinds, forgotten, pings, frozen, killed,
                         restarted, removed, closed, pinged, freshest, too_many, aged, ready,
                         breaks, slow_target, unreached, alternates, waits_at_the_end,
                         small_messages])
