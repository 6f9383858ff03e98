"""The PROXY protocol at both sides of serve, byte by byte.

usage: proxy_header.py SUBJECT     run in a directory with alice, bob and carol in it

The bytes are those of HAProxy's proxy-protocol.txt, sections 2.1 and 2.2. Each subject is a function
here. Prints what went wrong; exits 1 if anything did."""

import os
import random
import re
import select
import signal
import socket
import struct
import threading

import daemons
import kith
from daemons import check

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TYPE_NAME, TYPE_KEY = 0xE0, 0xE1
UNSPECIFIED, TCP4, UDP4, TCP6 = 0x00, 0x11, 0x12, 0x21
LOCAL, PROXY = 0x20, 0x21
SIZE = 100000


def _key_of(who):
    with open(f"{who}/identity.pub", encoding="ascii") as file:
        return bytes.fromhex(file.read().split()[0])


def read_header(sock):
    """What a header of version 2 says, read to its last byte and not beyond."""
    fixed = daemons.read_exactly(sock, 16)
    check(fixed[:12] == SIGNATURE, "no signature but", fixed[:12])
    body = daemons.read_exactly(sock, struct.unpack(">H", fixed[14:])[0])
    family, half = {TCP4: (socket.AF_INET, 4), TCP6: (socket.AF_INET6, 16)}[fixed[13]]
    source, local = (socket.inet_ntop(family, body[at:at + half]) for at in (0, half))
    ports = struct.unpack(">HH", body[2 * half:2 * half + 4])
    values, at = [], 2 * half + 4
    while at < len(body):
        length, = struct.unpack(">H", body[at + 1:at + 3])
        values.append((body[at], body[at + 3:at + 3 + length]))
        at += 3 + length
    check(at == len(body), "the TLVs do not fill the header")
    return fixed[12], (source, ports[0]), (local, ports[1]), values


def _check_header(listen, who, path=None, options=()):
    """The target is told who has called, and the stream follows. Returns the TLVs."""
    target = daemons.Target(path)
    log = f"{who}-{listen[:4]}.err"
    far = daemons.serve(target.address, "--proxy-protocol", *options, listen=listen, log=log)
    near = daemons.forward(far, who=who)
    sock = daemons.connect(near.address)
    sock.sendall(b"stream")
    inner = target.accept()
    command, source, local, values = read_header(inner)
    check(daemons.read_exactly(inner, 6) == b"stream", "the stream does not follow")
    inner.close()
    sock.close()
    check(command == PROXY, "the command is", command)
    check(local == daemons.host_and_port(far.address), "local is", local)
    far.logged(re.escape(f"address={'[%s]:%d' if ':' in source[0] else '%s:%d'}" % source))
    far.signal(9)
    near.signal(9)
    return values


def sent():
    """The caller's address, ours, its name and its key, before the first byte of the stream."""
    for path in (None, os.path.abspath("target")):
        values = _check_header("127.0.0.1:0", "alice", path)
        check(values == [(TYPE_NAME, b"alice"), (TYPE_KEY, _key_of("alice"))], "TLVs", values)
    values = _check_header("127.0.0.1:0", "carol", options=("--peer", _key_of("carol").hex()))
    check(values == [(TYPE_KEY, _key_of("carol"))], "a key without a name:", values)


def sent_ipv6():
    """The same over IPv6."""
    values = _check_header("[::1]:0", "alice")
    check(values == [(TYPE_NAME, b"alice"), (TYPE_KEY, _key_of("alice"))], "TLVs", values)


def _version_2(command, family, body):
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


def _addresses(source, port, local="127.0.0.1"):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    return (socket.inet_pton(family, source) + socket.inet_pton(family, local)
            + struct.pack(">HH", port, 9000))


class Balancer:
    """Stands before serve, and begins each connection with these bytes, in pieces; 0: with a hello."""

    def __init__(self, far, header, pieces=1):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.far, self.header, self.pieces = far, header, pieces
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            dialer, _ = self.server.accept()
            listener = daemons.connect(self.far.address)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair, first in (((dialer, listener), self.header), ((listener, dialer), b"")):
                threading.Thread(target=self._carry, args=(*pair, first), daemon=True).start()

    def _carry(self, source, sink, first):
        step = -(-len(first) // (self.pieces or 1)) or 1
        try:
            if first and not self.pieces:
                first += source.recv(1 << 16)
                step = len(first)
            for at in range(0, len(first), step):
                sink.sendall(first[at:at + step])
            while chunk := source.recv(1 << 16):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for sock in (source, sink):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is gone already


def _calls_through(far, header, who="alice", pieces=1):
    """The status of a call through a balancer that says this."""
    balancer = Balancer(far, header, pieces)
    content = random.Random(1).randbytes(SIZE)
    near = kith.start(who, "dial", "bob@" + balancer.address, stdin=-1, stdout=-1)
    got, _ = near.communicate(content, kith.LIMIT)
    check(near.returncode != 0 or got == content, "what came back is something else")
    return near.returncode


ACCEPTED = (
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n", r"192\.0\.2\.7:56324"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", r"255\.255\.255\.255:65535"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4124 443\r\n", r"\[2001:db8::7\]:4124"),
    (b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n",
     r"\[ffff:(ffff:){6}ffff\]:65535"),
    (b"PROXY TCP6 ::ffff:10.1.2.3 ::1 4125 443\r\n", r"10\.1\.2\.3:4125"),
    (b"PROXY UNKNOWN\r\n", r"127\.0\.0\.1:\d+"),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", r"127\.0\.0\.1:\d+"),
    (_version_2(PROXY, TCP4, _addresses("192.0.2.8", 1)), r"192\.0\.2\.8:1"),
    (_version_2(PROXY, TCP4, _addresses("192.0.2.9", 2) + b"\x04\0\x01\0" * 100),
     r"192\.0\.2\.9:2"),
    (_version_2(PROXY, TCP6, _addresses("2001:db8::8", 3, "::1")), r"\[2001:db8::8\]:3"),
    (_version_2(PROXY, TCP6, _addresses("::ffff:10.1.2.4", 5, "::1")), r"10\.1\.2\.4:5"),
    (_version_2(LOCAL, UNSPECIFIED, b""), r"127\.0\.0\.1:\d+"),
    (_version_2(LOCAL, TCP4, _addresses("192.0.2.10", 4)), r"127\.0\.0\.1:\d+"),
)

REFUSED = (
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443 1\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\0 1\r\n",
    b"PROXY TCP4 192.0.2 192.0.2.1 56324 443\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 4124 443\r\n",
    b"PROXY TCP6 192.0.2.7 192.0.2.1 56324 443\r\n",
    b"PROXY UDP4 192.0.2.7 192.0.2.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 -1 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 12x 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 +12 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1  443\r\n",
    b"PROXY TCP4 192.0.2.7 nobody 56324 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443x\r\n",
    b"PROXY TCP4  192.0.2.7 192.0.2.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.7\0 192.0.2.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 " + b"4" * 200 + b"\r\n",
    b"proxy TCP4 192.0.2.7 192.0.2.1 56324 443\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    _version_2(0x11, TCP4, _addresses("192.0.2.8", 1)),      # version 1 in the place of 2
    _version_2(0x22, TCP4, _addresses("192.0.2.8", 1)),      # an unknown command
    _version_2(PROXY, UDP4, _addresses("192.0.2.8", 1)),     # not a stream
    _version_2(PROXY, TCP4, _addresses("192.0.2.8", 1)[:11]),
    _version_2(PROXY, TCP6, _addresses("192.0.2.8", 1)),
    b"",                                                     # a caller's own hello
)


def accepted():
    """Headers that are good name the caller; LOCAL and UNKNOWN leave who has connected."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--accept-proxy", "127.0.0.1/32")
    for header, seen in ACCEPTED:
        for pieces in (0, 1, len(header)):
            count = len(re.findall(f"whole address={seen} ", far.log()))
            status = _calls_through(far, header, pieces=pieces)
            check(status == 0, "status", status, "for", header[:60])
            far.logged(f"whole address={seen} ", count + 1)


def refused():
    """All others are refused, and the log says that it was the header."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--accept-proxy", "127.0.0.1/32")
    for header in REFUSED:
        status = _calls_through(far, header)
        check(status == 5, "status", status, "for", header[:60])
    far.refused("no PROXY header, or a malformed one", len(REFUSED))
    for size in (2049, 65535):
        status = _calls_through(far, _version_2(PROXY, TCP4, bytes(size)))
        check(status == 5, "status", status, "for one that is too long")
    far.refused("PROXY header is too long: more than 2048 bytes", 2)


def conditions():
    """from= is asked about the address that the header names, not the balancer's."""
    with open("bob/peers", "w", encoding="ascii") as peers:
        for who, options in (("alice", 'from="192.0.2.0/24"'), ("carol", 'from="127.0.0.1"')):
            peers.write(f"{options} {_key_of(who).hex()} {who}\n")
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--accept-proxy", "127.0.0.0/8")
    header = _version_2(PROXY, TCP4, _addresses("192.0.2.8", 1))
    check(_calls_through(far, header) == 0, "an address that is allowed")
    check(_calls_through(far, header, "carol") == 5, "an address that is not")
    far.logged("carol .*at 192.0.2.8:1: .*may not call from this address")


def not_believed():
    """From an address that is not named, a header is no header, and a hello is a hello."""
    target = daemons.Target(handle=daemons.echo)
    far = daemons.serve(target.address, "--accept-proxy", "192.0.2.0/24,::1")
    check(_calls_through(far, b"") == 0, "a direct call is refused")
    for header, _ in ACCEPTED:
        check(_calls_through(far, header) == 5, "believed:", header[:60])
    far.refused("not our protocol", len(ACCEPTED))
    check("192.0.2" not in far.log(), "an address was believed")


def silent():
    """A balancer that says only a part of a header is sent away in time; one that leaves, at once."""
    far = daemons.serve(["cat"], "--accept-proxy", "127.0.0.1", "-w", "500ms", "-v")
    for said in (b"", b"PROXY ", ACCEPTED[0][0][:-1], SIGNATURE, ACCEPTED[6][0][:-1]):
        sock = daemons.connect(far.address)
        sock.sendall(said)
        check(daemons.read_to_end(sock)[1] in ("end", "reset"), "still there after", said)
    far.logged("no handshake in time", 5)
    sock = daemons.connect(far.address)
    sock.sendall(b"PROXY ")
    sock.close()
    far.logged("closed during the handshake", 1)


def crowd():
    """Addresses are learnt while others are counted: more callers than may be pending at a time."""
    far = daemons.serve(["cat"], "--accept-proxy", "127.0.0.1/32", "--max-pending", "4", "-w", "500ms")
    callers = []
    for number in range(16):
        sock = daemons.connect(far.address)
        sock.sendall(_version_2(PROXY, TCP4, _addresses(f"192.0.2.{number % 8}", number)))
        callers.append(sock)
        if number % 4 == 0:
            far.signal(signal.SIGUSR1)
    for sock in callers:
        daemons.read_to_end(sock)
    far.stop()


def share():
    """One client behind the balancer has half of the places at most, however often it calls."""
    far = daemons.serve(["cat"], "--accept-proxy", "127.0.0.9", "--max-pending", "32", "-w", "1h")
    callers = []
    for _ in range(100):
        sock = socket.socket()
        sock.bind(("127.0.0.9", 0))
        sock.connect(daemons.host_and_port(far.address))
        sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 9000\r\n")
        callers.append(sock)
    daemons.eventually(lambda: len(callers) - len(select.select(callers, [], [], 0)[0]) <= 16,
                       "one client has more than its share")


if __name__ == "__main__":
    daemons.run_subject([
        sent, sent_ipv6, accepted, refused, conditions, not_believed, silent, crowd, share])
