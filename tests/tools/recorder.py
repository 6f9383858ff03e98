#!/usr/bin/env python3
"""recorder.py FILE PORT: a relay to 127.0.0.1:PORT that prints the port it listens on, carries one
connection, and writes what passed as a capture of TCP packets, of MAX bytes each, for whoever reads
such. It needs no rights, as a real capture would."""

import os
import select
import socket
import struct
import sys
import time

MAX = 1400
RAW = 101  # packets that begin with their IP header


class Capture:
    """A file of libpcap (draft-ietf-opsawg-pcap)."""

    def __init__(self, path, ports):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW))
        self.ports = ports
        self.sequence = [1, 1]

    def packet(self, side, flags, payload=b""):
        """From the side that called (0) or the other one (1)."""
        tcp = struct.pack(">HHIIBBHHH", self.ports[side], self.ports[1 - side], self.sequence[side],
                          self.sequence[1 - side], 5 << 4, flags, 65535, 0, 0)
        host = [bytes((127, 0, 0, 1)), bytes((127, 0, 0, 2))]
        total = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0, 64, 6, 0) + host[side] + host[1 - side]
        now = time.time()
        self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), total, total))
        self.file.write(ip + tcp + payload)
        self.sequence[side] += len(payload) + (1 if flags & 3 else 0)

    def begin(self):
        self.packet(0, 0x02)
        self.packet(1, 0x12)
        self.packet(0, 0x10)

    def data(self, side, octets):
        for at in range(0, len(octets), MAX):
            self.packet(side, 0x18, octets[at:at + MAX])


def relay(ends, capture):
    """Until both have ended: ends[0] is who called."""
    open_sides = [0, 1]
    while open_sides:
        for end in select.select([ends[side] for side in open_sides], [], [])[0]:
            side = ends.index(end)
            octets = end.recv(65536)
            if octets:
                capture.data(side, octets)
                ends[1 - side].sendall(octets)
            else:
                capture.packet(side, 0x11)
                ends[1 - side].shutdown(socket.SHUT_WR)
                open_sides.remove(side)


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    caller, _ = listener.accept()
    listener.close()
    callee = socket.create_connection(("127.0.0.1", port))
    capture = Capture(path + ".part", (caller.getpeername()[1], port))
    capture.begin()
    relay([caller, callee], capture)
    capture.file.close()
    os.rename(path + ".part", path)


main()
