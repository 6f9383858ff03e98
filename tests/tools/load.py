"""Many connections through forward and serve, every byte of them checked.

usage: load.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import asyncio
import os
import random
import resource
import threading

import daemons
import kith
from daemons import check

LONG = "KITH_LONG" in os.environ
AT_ONCE = 2000 if LONG else 200
IN_A_ROW = 10000 if LONG else 500
SLOW = 4           # readers that do not read
SIZE = 256 << 10   # bytes each way of one connection
EACH_KIB = 1024    # memory that one connection may cost each end
GROWTH_KIB = 1024  # what may be left of it when they are gone
IDLE = 200
IDLE_KIB = 19      # memory that one may cost each end while nothing moves in it


def _bytes_of(number):
    return random.Random(number).randbytes(SIZE)


_handled = set()  # connections of the target


async def _echo(reader, writer):
    """The target: gives everything back; to one who says "pour", as much as there is room for."""
    _handled.add(writer)
    try:
        if (first := await reader.readexactly(4)) == b"pour":
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        writer.write(first)
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    writer.close()
    _handled.discard(writer)


async def _start_target():
    server = await asyncio.start_server(_echo, "127.0.0.1", 0, backlog=4096)
    return server, "127.0.0.1:%d" % server.sockets[0].getsockname()[1]


async def _open(near):
    """A connection whose channel is up; None if it was broken."""
    try:
        reader, writer = await asyncio.open_connection(*daemons.host_and_port(near.address))
        writer.write(b"here")
        check(await reader.readexactly(4) == b"here", "what came first is something else")
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        check(False, "a call is not served:", error)
        return None
    return reader, writer


async def _exchange(number, reader, writer):
    """Send all of it, and its end; all of it, and the end, comes back."""
    content = _bytes_of(number)

    async def send():
        writer.write(content)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    try:
        check(await reader.read(-1) == content, "connection", number, "lost something")
        await sending
    except ConnectionError as error:
        check(False, "connection", number, error)
    writer.close()


async def _open_all(near, count):
    gate = asyncio.Semaphore(400)  # the listeners' backlog is not what is tested

    async def one():
        async with gate:
            return await _open(near)

    return list(filter(None, await asyncio.gather(*(one() for _ in range(count)))))


async def _at_once():
    server, address = await _start_target()
    far = daemons.serve(address)
    near = daemons.forward(far)
    warm = await _open_all(near, 8)
    await asyncio.gather(*(_exchange(n, *pair) for n, pair in enumerate(warm)))
    ends = [(end, end.descriptors(), end.threads(), end.rss_kib()) for end in (far, near)]

    slow = []
    for _ in range(SLOW):
        _, writer = await asyncio.open_connection(
            *daemons.host_and_port(near.address), limit=1 << 10)
        writer.write(b"pour")
        slow.append(writer)
    pairs = await _open_all(near, AT_ONCE)
    await asyncio.gather(*(_exchange(n, *pair) for n, pair in enumerate(pairs)))
    for end, _, _, rss in ends:
        each = (kith.memory_kib(end.pid, "VmHWM") - rss) // AT_ONCE
        print(end.log_name, "took", each, "KiB for each connection")
        check("KITH_SANITIZED" in os.environ or each <= EACH_KIB, end.log_name, "took too much")
    for writer in slow:
        check(not writer.is_closing(), "a slow reader was hung up on")
        writer.transport.abort()
    server.close()
    while _handled:  # the target sees that they are gone
        await asyncio.sleep(0.02)
    return ends


def _check_all_gone(ends):
    for end, descriptors, threads, rss in ends:
        end.has_again(descriptors, threads)
        print(end.log_name, "has", end.rss_kib() - rss, "KiB more than before")
    for end, *_ in reversed(ends):  # the forwarder first
        end.stop()


def at_once():
    """All of them are there at the same time before the first of them sends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    limit = kith.LIMIT * (10 if LONG else 2)
    _check_all_gone(asyncio.run(asyncio.wait_for(_at_once(), limit)))


def in_a_row():
    """One after another, four at a time; what they leave behind is nothing."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "-q")
    near = daemons.forward(far, "-q", "--keep-time", "1s")  # after which only the spare one is left

    def calls(count):
        for number in range(count):
            with daemons.connect(near.address) as sock:
                said = b"%d" % number
                sock.sendall(said)
                check(daemons.read_exactly(sock, len(said)) == said, "call", number)

    def run(count):
        threads = [threading.Thread(target=calls, args=(count // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for end in (far, near):
            daemons.eventually(end.is_idle, end.log_name, "has no thread but the few that wait")

    run(IN_A_ROW // 5)
    ends = [(end, end.descriptors(), end.threads(), end.rss_kib()) for end in (far, near)]
    run(IN_A_ROW)
    for end, descriptors, threads, rss in ends:
        end.has_again(descriptors, threads)
        growth = end.rss_kib() - rss
        print(end.log_name, "has", growth, "KiB more than before")
        check("KITH_SANITIZED" in os.environ or growth <= GROWTH_KIB, end.log_name, "keeps memory")
    near.stop()
    far.stop()


def idle():
    """Once nothing has moved for a while, a connection costs little; and then it goes on."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address)
    near = daemons.forward(far)

    def ask(sock, said):
        sock.sendall(said)
        check(daemons.read_exactly(sock, len(said)) == said, "something else came back")

    def open_some(count):
        socks = [daemons.connect(near.address) for _ in range(count)]
        for number, sock in enumerate(socks):
            ask(sock, b"%d" % number)
        return socks

    socks = open_some(10)
    before = [(end, end.rss_kib()) for end in (far, near)]
    socks += open_some(IDLE)
    for end, rss in before:
        if "KITH_SANITIZED" not in os.environ:
            daemons.eventually(lambda: end.rss_kib() - rss <= IDLE * IDLE_KIB,
                               f"{end.log_name}: {(end.rss_kib() - rss) / IDLE} KiB each")
    for number, sock in enumerate(socks):
        ask(sock, random.Random(number).randbytes(10000))
        sock.close()
    near.stop()
    far.stop()


if __name__ == "__main__":
    daemons.run_subject([at_once, in_a_row, idle])
