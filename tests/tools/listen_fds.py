"""Runs a command as a supervisor that has opened its sockets (sd_listen_fds(3)).

usage: listen_fds.py [--pid PID] [--connected | --messages] ADDRESS... COMMAND [ARGUMENT...]

Each ADDRESS is HOST:PORT or a path with a slash; the command begins at the first word that is
neither. Where they are is written to the file "given". --pid says another process in LISTEN_PID;
--connected gives a socket that does not listen, --messages one that listens, but for messages."""

import os
import re
import socket
import sys

FIRST = 3
HIGH = 40  # out of the way, while they are put in order


def listening(address):
    """A socket that listens there."""
    if "/" in address:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address)
        sock.listen()
        return sock
    host, _, port = address.rpartition(":")
    return socket.create_server((host, int(port)))


def main():
    words = sys.argv[1:]
    pid = os.getpid()
    sockets = []
    if words[0] == "--pid":
        pid = words[1]
        del words[:2]
    if words[0] == "--connected":
        sockets = list(socket.socketpair()[:1])
        del words[0]
    if words[0] == "--messages":
        sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
        sockets[0].bind("messages.socket")
        sockets[0].listen()
        del words[0]
    while re.fullmatch(r"[0-9.]+:[0-9]+|/.*\.socket", words[0]):
        sockets.append(listening(words.pop(0)))
    with open("given", "w", encoding="ascii") as given:
        for sock in sockets:
            name = sock.getsockname()
            print("%s:%d" % name if isinstance(name, tuple) else name, file=given)
    high = [os.dup2(sock.fileno(), HIGH + index) for index, sock in enumerate(sockets)]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, FIRST + index)
        os.close(descriptor)
    os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(pid))
    os.execvp(words[0], words)


if __name__ == "__main__":
    main()
