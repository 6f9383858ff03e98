"""kith over a network of our own that loses, shapes, resets, forgets and moves.

usage: networks.py SUBJECT [ARGUMENT...]     run as root in a directory with alice and bob in it

Three network namespaces: alice's, bob's, and a router between them, which does the harm. Each
subject is a function here. Prints what went wrong; exits 1 if anything did."""

import atexit
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import tempfile
import threading
import time

import daemons
import kith
from daemons import check

LONG = "KITH_LONG" in os.environ
NOTICED = 110  # seconds until a peer that is gone has to be noticed: "about a minute"
FORGETS_S = 1  # a NAT, what says nothing
PATIENCE = "25s"  # of a program that waits for who has moved, who notices after six seconds
CLONE_NEWNET = 0x40000000
BASE = """
add table inet harm
add chain inet harm forward { type filter hook forward priority 0; }
add table ip nat
add chain ip nat postrouting { type nat hook postrouting priority 100; }
"""


class Network:
    """alice at 10.1.0.2, bob at 10.2.0.2, and the way between them."""

    def __init__(self, mtu=1500):
        self.names = {who: f"kith-{who}-{os.getpid()}" for who in ("alice", "router", "bob")}
        atexit.register(self._remove)
        for name in self.names.values():
            _run("ip", "netns", "add", name)
        for who, net in (("alice", "10.1.0"), ("bob", "10.2.0")):
            self.ip(who, "link", "add", "wire", "mtu", str(mtu), "type", "veth", "peer", "name",
                    who, "mtu", str(mtu), "netns", self.names["router"])
            # Segments are made here, not by hardware that there is none of: each can be lost.
            self.ip(who, "link", "set", "dev", "wire", "gso_max_segs", "1", "up")
            self.ip("router", "link", "set", "dev", who, "gso_max_segs", "1", "up")
            self.ip(who, "link", "set", "dev", "lo", "up")
            self.ip(who, "address", "add", f"{net}.2/24", "dev", "wire")
            self.ip("router", "address", "add", f"{net}.1/24", "dev", who)
            self.ip(who, "route", "add", "default", "via", f"{net}.1")
        self.set("net/ipv4/ip_forward", 1)
        self.rules(BASE)

    def _remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)

    def ip(self, who, *arguments):
        """ip(8) in the namespace of alice, bob or the router."""
        _run("ip", "-n", self.names[who], *arguments)

    def moves(self, old, new):
        """alice has another address at once."""
        subprocess.run(["ip", "-n", self.names["alice"], "-batch", "-"], check=True,
                       input=f"address del {old}/24 dev wire\naddress add {new}/24 dev wire\n"
                       "route replace default via 10.1.0.1\n".encode())

    def inside(self, who):
        """For a launcher: what runs a program there."""
        return ("ip", "netns", "exec", self.names[who])

    def set(self, name, value):
        """sysctl(8) of the router."""
        _run(*self.inside("router"), "sh", "-c", f"echo {value} >/proc/sys/{name}")

    def rules(self, text):
        """Give the router rules of nft(8)."""
        subprocess.run([*self.inside("router"), "nft", "-f", "-"], input=text.encode(), check=True)

    def harm(self, rule):
        """What the router does to what it forwards, and nothing else; "" for nothing."""
        self.rules(f"flush chain inet harm forward\n"
                   f"{f'add rule inet harm forward {rule}' if rule else ''}\n")

    @contextlib.contextmanager
    def as_in(self, who):
        """Sockets that are made meanwhile are of that namespace."""
        with open("/proc/self/ns/net", "rb") as ours, \
                open(f"/var/run/netns/{self.names[who]}", "rb") as theirs:
            _enter(theirs)
            try:
                yield
            finally:
                _enter(ours)


def _run(*command):
    subprocess.run(command, check=True)


def _enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Chain:
    """A near program in alice's namespace, forward there, serve and its target in bob's."""

    def __init__(self, net, handle=daemons.echo, options=(), near_options=()):
        self.net = net
        with net.as_in("bob"):
            self.target = daemons.Target(handle=handle)
        self.serve = daemons.serve(self.target.address, *options, listen="10.2.0.2:0",
                                   launcher=net.inside("bob"))
        self.forward = daemons.forward(self.serve, *near_options, launcher=net.inside("alice"))

    def connect(self):
        """A near program's new connection."""
        with self.net.as_in("alice"):
            return daemons.connect(self.forward.address)

    def answer(self, content):
        """All that a new connection has of this, in the end."""
        with self.connect() as sock:
            return _answer_to(sock, content)

    def serves(self, what, content=b"hello"):
        """A new connection is served."""
        got = self.answer(content)
        check(got == content, what, "- the next one is not served, but has", len(got), "bytes")

    def stop(self):
        """Both end as they should."""
        self.forward.stop()
        self.serve.stop()


def _answer_to(sock, content):
    """All that comes back of what is said meanwhile."""
    sender = threading.Thread(target=_send, args=(sock, content))
    sender.start()
    got = b""
    with contextlib.suppress(OSError):
        got = daemons.read_exactly(sock, len(content))
    sender.join()
    return got


def _send(sock, content):
    with contextlib.suppress(OSError):
        sock.sendall(content)


class Pipe:
    """dial in alice's namespace and listen in bob's, each with a file to send, or what streams
    says in the place of that."""

    def __init__(self, net, size=0, **streams):
        content = random.Random(size).randbytes(size)
        self.content = {"alice": content, "bob": content[::-1]}
        self.files = {who: tempfile.TemporaryFile() for who in self.content}
        self.said = tempfile.TemporaryFile()
        self.listener, address = kith.listen(
            stdin=streams.get("bob") or _file(self.content["bob"]), stdout=self.files["alice"],
            launcher=net.inside("bob"), at="10.2.0.2:0", stderr=self.said)
        self.dialer = kith.dial(
            address, stdin=streams.get("alice") or _file(self.content["alice"]),
            stdout=self.files["bob"], launcher=net.inside("alice"), stderr=self.said)

    def got(self, who):
        """What has arrived of what this one says."""
        return os.fstat(self.files[who].fileno()).st_size

    def ends(self, expected, what, limit=kith.LIMIT):
        """Both end by themselves, with this status."""
        for end in (self.dialer, self.listener):
            status = kith.status(end, limit)
            check(status == expected, what, "-", end.args[5], "ended with", status)

    def is_whole(self, what):
        """All has arrived."""
        self.ends(0, what)
        for who, file in self.files.items():
            file.seek(0)
            check(file.read() == self.content[who], what, "- other bytes than", who, "said")


def _file(content):
    file = tempfile.TemporaryFile()
    file.write(content)
    file.seek(0)
    return file


def _carries(net, what, size):
    """Bytes both ways, through a pipe and through daemons."""
    Pipe(net, size).is_whole(what)
    chain = Chain(net)
    chain.serves(what, random.Random(size + 1).randbytes(size))
    chain.stop()


def loss():
    """A segment in twenty is lost, in both directions, from the first SYN on."""
    net = Network()
    net.harm("numgen random mod 100 < 5 drop")
    _carries(net, "loss", 1000000)


def small_mtu():
    """The way takes less than its ends do, and then hardly anything."""
    net = Network()
    for who in ("router", "bob"):
        net.ip(who, "link", "set", "dev", "bob" if who == "router" else "wire", "mtu", "576")
    _carries(net, "a way of 576 bytes", 1000000)
    for who in ("alice", "router", "bob"):
        for device in {"router": ("alice", "bob")}.get(who, ("wire",)):
            net.ip(who, "link", "set", "dev", device, "mtu", "120")
    _carries(net, "a way of 120 bytes", 100000)


def slow_line():
    """A line of 4 Mbit/s with a short queue: slow, and never idle."""
    net = Network()
    for device in ("alice", "bob"):
        _run(*net.inside("router"), "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate",
             "4mbit", "burst", "4kb", "limit", "20kb")
    chain = Chain(net, options=("--idle-timeout", "1s"), near_options=("--idle-timeout", "1s"))
    content = random.Random(1).randbytes(700000)
    begin = time.monotonic()
    # The machine may stand still for as long as that, and is idle then.
    daemons.eventually(lambda: chain.answer(content) == content, "a slow line is served")
    check(time.monotonic() - begin > 1, "the line is not slow: this tests nothing")
    chain.stop()


def _pour(sock):
    """For a target: say something without end."""
    while True:
        sock.sendall(bytes(1 << 16))


def _breaks(sock, what, limit=kith.LIMIT):
    """A near program sees a reset in time, and no end."""
    sock.settimeout(limit)
    how = daemons.read_to_end(sock)[1]
    check(how == "reset", what, "- a near program saw", how)


def reset_in_the_middle():
    """A firewall resets what is under way: both ends say that it is cut, and the next is served."""
    net = Network()
    with open("/dev/zero", "rb") as zeros, open("/dev/zero", "rb") as others:
        pipe = Pipe(net, alice=zeros, bob=others)
    daemons.eventually(lambda: pipe.got("alice") > 1 << 20 and pipe.got("bob") > 1 << 20, "it runs")
    net.harm("tcp flags & (fin | syn | rst) == 0 reject with tcp reset")
    pipe.ends(8, "a reset in the middle")
    net.harm("")
    chain = Chain(net, handle=_pour)
    sock = chain.connect()
    check(daemons.read_exactly(sock, 1 << 20) == bytes(1 << 20), "it does not run")
    net.harm("tcp flags & (fin | syn | rst) == 0 reject with tcp reset")
    _send(sock, b"now")
    _breaks(sock, "a reset in the middle")
    chain.serve.logged("cut short")
    chain.forward.logged("cut short")
    net.harm("")
    with chain.connect() as again:
        check(daemons.read_exactly(again, 1000) == bytes(1000), "the next one is not served")
    chain.stop()


def nat_forgets():
    """A NAT that has forgotten a channel which was quiet, and resets it when it goes on."""
    net = Network()
    net.set("net/netfilter/nf_conntrack_tcp_loose", 0)
    net.set("net/netfilter/nf_conntrack_tcp_timeout_established", FORGETS_S)
    net.rules("add rule ip nat postrouting oifname bob masquerade\n")
    net.harm("ct state invalid reject with tcp reset")
    chain = Chain(net)
    with net.as_in("alice"): # it may forget one that is in use, where the machine stands still
        sock = daemons.carried(chain.forward.address, b"one")
    _forgotten(net)
    _send(sock, b"two")
    _breaks(sock, "a NAT that forgets")
    daemons.eventually(lambda: chain.answer(b"hello") == b"hello", "the next one is served")
    if LONG:
        daemons.eventually(lambda: chain.serve.log().count("cut short") == 1,
                           "the other side notices", limit=NOTICED)
    chain.forward.stop()
    # What the NAT has forgotten nobody tells to the other side, until it says something itself.
    chain.serve.signal(signal.SIGTERM)
    chain.serve.signal(signal.SIGTERM)
    check(kith.status(chain.serve.process) != "hangs", "serve hangs")


def _forgotten(net):
    """Wait until the router knows of no channel; where it does not show that, until it may not."""
    def known():
        with net.as_in("router"), open("/proc/thread-self/net/nf_conntrack", "rb") as table:
            return b"ESTABLISHED" in table.read()

    time.sleep(FORGETS_S)
    if os.path.exists("/proc/net/nf_conntrack"):
        daemons.eventually(lambda: not known(), "the router forgets")


def link_down():
    """A link that is down for a while loses nothing; down for good, it is noticed."""
    net = Network()
    chain = Chain(net)
    sock = chain.connect()
    check(_answer_to(sock, b"one") == b"one", "it does not run")
    net.ip("router", "link", "set", "dev", "bob", "down")
    content = random.Random(1).randbytes(100000)
    answer = []
    asking = threading.Thread(target=lambda: answer.append(_answer_to(sock, content)))
    asking.start()
    time.sleep(1)  # so long nothing gets through
    net.ip("router", "link", "set", "dev", "bob", "up")
    asking.join()
    check(answer[0] == content, "a link that was down has lost something:", len(answer[0]))
    if LONG:
        _gone_for_good(net, chain, sock)
    sock.close()
    chain.stop()


def _gone_for_good(net, chain, sock):
    net.ip("router", "link", "set", "dev", "bob", "down")
    begin = time.monotonic()
    _send(sock, b"two")
    _breaks(sock, "a link that is down", NOTICED)
    chain.serve.logged("cut short", limit=NOTICED - (time.monotonic() - begin))
    net.ip("router", "link", "set", "dev", "bob", "up")
    chain.serves("a link that is up again")


def address_moves():
    """alice gets another address: what comes from there is served, though the old is not over."""
    net = Network()
    chain = Chain(net)
    sock = chain.connect()
    check(_answer_to(sock, b"one") == b"one", "it does not run")
    net.moves("10.1.0.2", "10.1.0.3")
    chain.serves("an address that moves")
    chain.serve.logged(r"whole .*address=10\.1\.0\.3")
    _send(sock, b"two")
    if LONG:
        _breaks(sock, "an address that moves", NOTICED)
        chain.serve.logged(r"cut short.*address=10\.1\.0\.2", limit=NOTICED)
    else:
        # It comes back, and nothing was lost.
        net.ip("alice", "address", "add", "10.1.0.2/24", "dev", "wire")
        check(daemons.read_exactly(sock, 3) == b"two", "what was said meanwhile is lost")
        sock.close()
    chain.stop()


class Reverse:
    """bob is called (forward --accept), and has the near program; alice calls, and has the target."""

    def __init__(self, net):
        self.net = net
        with net.as_in("alice"):
            self.target = daemons.Target(handle=daemons.echo)
        self.accept = daemons.Daemon(
            "bob", "forward", ["--accept", "10.2.0.2:9000", "--ready-on", "listen", "-w", PATIENCE],
            ["127.0.0.1:8000", "alice"], "accept.err", launcher=net.inside("bob"))
        self.carried = 0
        self.call = daemons.Daemon(
            "alice", "serve", ["--call", "bob@10.2.0.2:9000"], [self.target.address], "call.err",
            launcher=net.inside("alice"))

    def serves(self, what):
        """A near program's connection, whenever it comes, is carried, and its channel is idle again:
        one that carries something is not given up so soon."""
        with self.net.as_in("bob"):
            sock = daemons.connect("127.0.0.1:8000")
        with sock:
            got = _answer_to(sock, b"hello")
        check(got == b"hello", what, "- is not served, but has", got)
        self.carried += 1
        for side in (self.accept, self.call):
            side.logged(r"\): whole ", count=self.carried)

    def stop(self):
        """Both end as they should."""
        self.accept.stop()
        self.call.stop()


def reverse_moves():
    """alice, who calls, is in another network at once, behind a NAT that knows nothing of what there
    was: she notices by herself, and bob's next program is served within its deadline."""
    net = Network()
    net.rules("add rule ip nat postrouting oifname bob masquerade")
    both = Reverse(net)
    both.serves("the reverse way, behind NAT")
    net.moves("10.1.0.2", "10.1.0.3")
    both.serves("an address that has moved")
    net.harm("drop")
    both.call.logged("bob .*cannot be reached|in time", limit=40)
    net.harm("")
    both.call.logged("the peer is there again", limit=40)
    both.serves("a way that was gone")
    check(both.call.log().count("there again") == 1, "more than one line:", both.call.log())
    both.stop()


def no_way():
    """Where nothing comes back, or a router says why, a call ends in time and says which."""
    net = Network()
    for rule, expected in (("drop", 7), ("reject with icmpx host-unreachable", 4),
                           ("reject with tcp reset", 4)):
        net.harm(f"meta l4proto tcp {rule}")
        for command in ("dial", "check"):
            caller = kith.start("alice", command, "-w", "1s", "bob@10.2.0.2:9",
                                launcher=net.inside("alice"))
            status = kith.status(caller)
            check(status == expected, command, "where the router does", rule, "ended with", status)


if __name__ == "__main__":
    daemons.run_subject([loss, small_mtu, slow_line, reset_in_the_middle, nat_forgets, link_down,
                         address_moves, reverse_moves, no_way])
