"""Shows what NOTIFY_SOCKET is told, a line for each.

usage: supervisor.py PATH"""

import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind(sys.argv[1])
    while True:
        print(sock.recv(65536).decode("ascii"), flush=True)
