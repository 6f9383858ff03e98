"""An ssh-agent that lies: a real one's answers but for one.

usage: lying_agent.py UPSTREAM SOCKET list|sign LIE

Answers at SOCKET as the agent at UPSTREAM does, except to this request: see the functions of LIES.
The socket is there once it can be called. Ends when it is killed."""

import os
import socket
import struct
import sys
import threading
import time

REQUESTS = {"list": 11, "sign": 13}
SLOW = 0.7  # seconds for a signature


def _string(data):
    return struct.pack(">I", len(data)) + data


def _strings(data):
    found = []
    while data:
        (length,) = struct.unpack(">I", data[:4])
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def _read(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _read_message(sock):
    return _read(sock, struct.unpack(">I", _read(sock, 4))[0])


def _ask(upstream, body):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(upstream)
        sock.sendall(_string(body))
        return _read_message(sock)


def _signature(upstream, body):
    """The parts of the answer to a request for a signature: its type, and its bytes."""
    return _strings(_strings(_ask(upstream, body)[1:])[0])


def _signed(kind, signature):
    return _string(b"\x0e" + _string(_string(kind) + _string(signature)))


def silent(_sock, _upstream, _body):
    time.sleep(3600)


def cut(_sock, _upstream, _body):
    pass


def truncated(sock, _upstream, _body):
    sock.sendall(struct.pack(">I", 90) + b"\x0c\x00\x00")


def endless(sock, _upstream, _body):
    """A length of four gigabytes, and what there is room for."""
    sock.sendall(b"\xff" * 4)
    while True:
        sock.sendall(bytes(65536))


def trickle(sock, _upstream, _body):
    sock.sendall(struct.pack(">I", 80))
    for _ in range(79):
        sock.sendall(b"\x0c")
        time.sleep(1)


def banner(sock, _upstream, _body):
    sock.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    time.sleep(3600)


def other_answer(sock, _upstream, _body):
    sock.sendall(_string(b"\x06"))


def empty(sock, _upstream, _body):
    sock.sendall(_string(b""))


def million(sock, _upstream, _body):
    """So many keys, of which none is there."""
    sock.sendall(_string(b"\x0c" + struct.pack(">I", 1000000)))


def token(sock, _upstream, _body):
    """The key of a FIDO token alone."""
    blob = _string(b"sk-ssh-ed25519@openssh.com") + _string(b"k" * 32) + _string(b"ssh:")
    sock.sendall(_string(b"\x0c" + struct.pack(">I", 1) + _string(blob) + _string(b"token")))


def flipped(sock, upstream, body):
    kind, signature = _signature(upstream, body)
    sock.sendall(_signed(kind, signature[:-1] + bytes([signature[-1] ^ 1])))


def short(sock, upstream, body):
    kind, signature = _signature(upstream, body)
    sock.sendall(_signed(kind, signature[:-1]))


def long(sock, upstream, body):
    kind, signature = _signature(upstream, body)
    sock.sendall(_signed(kind, signature + b"\0"))


def other_type(sock, upstream, body):
    _, signature = _signature(upstream, body)
    sock.sendall(_signed(b"ssh-ed448", signature))


def other_message(sock, upstream, body):
    blob, message = _strings(body[1:-4])
    sock.sendall(_signed(*_signature(upstream, b"\x0d" + _string(blob) + _string(message + b"!") + bytes(4))))


def other_key(sock, upstream, body):
    """By one that was not asked for."""
    blob, message = _strings(body[1:-4])
    keys = _strings(_ask(upstream, b"\x0b")[5:])[::2]
    other = next(key for key in keys if key != blob)
    sock.sendall(_signed(*_signature(upstream, b"\x0d" + _string(other) + _string(message) + bytes(4))))


def slow(sock, upstream, body):
    answer = _ask(upstream, body)
    time.sleep(SLOW)
    sock.sendall(_string(answer))


LIES = {
    function.__name__.replace("_", "-"): function
    for function in (silent, cut, truncated, endless, trickle, banner, other_answer, empty, million, token)
    + (flipped, short, long, other_type, other_message, other_key, slow)
}


def _serve(sock, upstream, request, lie):
    try:
        with sock:
            while True:
                body = _read_message(sock)
                if body[0] == request:
                    lie(sock, upstream, body)
                    return
                sock.sendall(_string(_ask(upstream, body)))
    except OSError:
        pass  # it has gone, or the real agent has


def main():
    upstream, path, request, lie = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + ".new")
        listener.listen(64)
        os.rename(path + ".new", path)
        while True:
            sock, _ = listener.accept()
            arguments = (sock, upstream, REQUESTS[request], LIES[lie])
            threading.Thread(target=_serve, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main()
