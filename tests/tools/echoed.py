"""Says its input to an address, and shows what comes back: echoed.py ADDRESS"""

import socket
import sys

import daemons

with daemons.connect(sys.argv[1]) as sock:
    sock.sendall(sys.stdin.buffer.read())
    sock.shutdown(socket.SHUT_WR)
    sys.stdout.buffer.write(daemons.read_to_end(sock)[0])
