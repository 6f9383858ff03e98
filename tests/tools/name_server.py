"""A name server for the tests.

usage: name_server.py ADDRESS     at port 53 there

Says of every name that it is 127.0.0.1, and nothing at all of names that begin with "silent": the
file "asked" is made then. Prints a line once it can be asked."""

import socket
import struct
import sys

TYPE_A = 1


def answer(query):
    """What is said to a query of one question; empty for none."""
    end = 12
    while query[end]:
        end += query[end] + 1
    end += 5
    if query[13:19] == b"silent":
        with open("asked", "w", encoding="ascii"):
            return b""
    count = 1 if struct.unpack(">H", query[end - 4:end - 2])[0] == TYPE_A else 0
    head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, count, 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, TYPE_A, 1, 1, 4) + socket.inet_aton("127.0.0.1")
    return head + query[12:end] + record * count


def main():
    """Serve until the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sys.argv[1], 53))
        print("ready", flush=True)
        while True:
            query, asker = sock.recvfrom(512)
            said = answer(query)
            if said:
                sock.sendto(said, asker)


main()
