"""What serve and forward do at the signals of a daemon, and what they tell their supervisor.

usage: manners.py SUBJECT [ARGUMENT...]     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import signal
import socket
import threading
import time

import daemons
import kith
from daemons import check

SIZE = 8 << 20


def early_signals():
    """SIGHUP right behind the line of --ready-fd does not kill it, and SIGTERM ends it with 0."""
    target = daemons.Target(handle=daemons.echo)
    for _ in range(20):
        far = daemons.serve(target.address)
        far.signal(signal.SIGHUP)
        near = daemons.forward(far)
        near.signal(signal.SIGTERM)
        near.ends(0)
        far.stop()


def carries(address):
    """Something that is said there comes back."""
    with daemons.connect(address) as sock:
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        check(daemons.read_to_end(sock) == (b"hello", "end"), "it does not carry")


def _fields(message):
    return dict(line.split("=", 1) for line in message.decode("ascii").splitlines())


def notifications(kind, *target):
    """NOTIFY_SOCKET is told each state, in the words of sd_notify(3), from the sandbox as well."""
    name = os.path.abspath(f"notify-{len(target)}") if kind == "path" else f"\0kith-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(name)
        supervisor.settimeout(kith.LIMIT)
        os.environ["NOTIFY_SOCKET"] = name.replace("\0", "@")

        def next_with(key):
            """The next message that says this; there may be others, about STATUS say."""
            while True:
                fields = _fields(supervisor.recv(4096))
                if key in fields:
                    return fields

        daemon = daemons.serve(*(target or [["cat"]]))
        check(next_with("READY")["READY"] == "1", "no READY=1 at the start")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.signal(signal.SIGHUP)
        reloading = next_with("RELOADING")
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        check(reloading["RELOADING"] == "1", "no RELOADING=1")
        check(before <= int(reloading.get("MONOTONIC_USEC", 0)) <= after,
              "MONOTONIC_USEC is not the time")
        check(next_with("READY")["READY"] == "1", "no READY=1 after the reload")
        daemon.signal(signal.SIGTERM)
        stopping = next_with("STOPPING")
        check(stopping["STOPPING"] == "1" and stopping["STATUS"] == "no new calls", "it says", stopping)
        status = next_with("STATUS")["STATUS"]
        check(status == "no new calls; no channel is open", "and how it is:", status)
        daemon.ends(0)


def _send_and_end(sock, content):
    sock.sendall(content)
    sock.shutdown(socket.SHUT_WR)


def drains():
    """SIGTERM at both ends in mid-transfer: it finishes, and nobody else is let in meanwhile."""
    chain = daemons.Chain()
    near, far = chain.connection()
    content = random.Random(4).randbytes(SIZE)
    near.sendall(content[:1000])
    got = daemons.read_exactly(far, 1000)
    for daemon in (chain.forward, chain.serve):
        daemon.signal(signal.SIGTERM)
        daemon.logged("no new calls")
    for daemon in (chain.forward, chain.serve):
        try:
            daemons.connect(daemon.address).close()
            check(False, daemon.log_name, "takes new calls")
        except ConnectionRefusedError:
            pass
    far.sendall(b"answer")
    check(daemons.read_exactly(near, 6) == b"answer", "the answer is lost")
    sender = threading.Thread(target=_send_and_end, args=(near, content[1000:]))
    sender.start()
    rest, how = daemons.read_to_end(far)
    sender.join()
    check(got + rest == content and how == "end", "the transfer did not finish:", how)
    far.close()
    check(daemons.read_to_end(near) == (b"", "end"), "the end is lost")
    for daemon in (chain.forward, chain.serve):
        daemon.ends(0)


if __name__ == "__main__":
    daemons.run_subject([early_signals, carries, notifications, drains])
