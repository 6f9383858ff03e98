"""A peer that speaks the protocol of kith-protocol(7) and can say each part of it wrongly: made
from that page alone, with nothing of kith's and no library.

usage: speaker.py VECTORS      makes again every handshake that is recorded in this file"""

import base64
import hashlib
import json
import os
import struct
import sys
import time

import primitives

TAG = 16


def now():
    """Milliseconds since the epoch."""
    return time.time_ns() // 1000000


def varint(number):
    """A number as the protocol writes it."""
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def frame(body, length=None):
    """A body behind its length, or behind another one."""
    return struct.pack(">I", len(body) if length is None else length) + body


class Identity:
    """Whoever has this seed."""

    def __init__(self, seed, signer=primitives.Signer):
        self._signer = signer(seed)
        self.public = self._signer.public

    def sign(self, namespace, info):
        """The signature of an Info."""
        return self._signer.sign(varint(len(namespace)) + namespace + info)


def identity_of(folder, signer=primitives.Signer):
    """The identity that kith keygen has made in this folder."""
    with open(os.path.join(folder, "identity"), encoding="ascii") as pem:
        der = base64.b64decode("".join(line for line in pem if not line.startswith("-")))
    return Identity(der[-32:], signer)


def info(recipient, ephemeral, timestamp, tag=b"\0"):
    """An Info; its timestamp is a number or the bytes of one, its tag has the option before it."""
    stamp = timestamp if isinstance(timestamp, bytes) else varint(timestamp)
    return recipient + ephemeral + stamp + tag


class Side:
    """One side of a handshake, and of the channel that comes of it."""

    def __init__(self, own, peer, namespace=b"kith", secret=None):
        self.own, self.peer, self.namespace = own, peer, namespace
        self.secret = secret or os.urandom(32)
        self.ephemeral = primitives.x25519_public(self.secret)
        self.hello_d = self.hello_l = b""
        self.keys = {}
        self.send_key = self.receive_key = b""
        self.sent = self.received = 0

    def hello(self, signer=None, namespace=None, **parts):
        """A hello of ours, with other parts where they are given."""
        said = {"recipient": self.peer, "ephemeral": self.ephemeral, "timestamp": now(), **parts}
        signed = info(**said)
        by, under = signer or self.own, self.namespace if namespace is None else namespace
        return signed + by.public + by.sign(under, signed)

    def derive(self, ephemeral):
        """The keys, once both hellos are there."""
        shared = primitives.x25519(self.secret, ephemeral)
        transcript = self.namespace + self.hello_d + self.hello_l
        salt = hashlib.sha256(b"commonware-stream/KDF/v1/" + transcript).digest()
        self.keys = {name: primitives.hkdf(salt, shared, name.encode()) for name in (
            "d2l/traffic", "l2d/traffic", "d2l/confirmation", "l2d/confirmation")}

    def confirmation(self, direction, transcript):
        """The tag that proves who has these keys."""
        return primitives.seal(self.keys[direction + "/confirmation"], bytes(12), b"", transcript)

    def seal(self, text, number=None, key=None):
        """The next message as a frame, or one with another number or key."""
        nonce = self.sent if number is None else number
        self.sent += number is None
        return frame(primitives.seal(key or self.send_key, nonce.to_bytes(12, "big"), text))

    def unseal(self, body):
        """What the next message of the peer says; None if it is not of this channel."""
        text = primitives.unseal(self.receive_key, self.received.to_bytes(12, "big"), body)
        self.received += 1
        return text


class Dialer(Side):
    """The side that calls."""

    def message_1(self, **parts):
        """Our hello as a frame."""
        self.hello_d = self.hello(**parts)
        return frame(self.hello_d)

    def take_2(self, body):
        """Whether the answer is one to our hello, from who was called; its signature is taken on
        trust, since only who has the key can make the confirmation of what was signed."""
        self.hello_l, tag = body[:-TAG], body[-TAG:]
        if len(body) < 170:
            return False
        self.derive(body[32:64])
        self.send_key, self.receive_key = self.keys["d2l/traffic"], self.keys["l2d/traffic"]
        self.transcript = self.hello_d + self.hello_l + tag
        return (body[:32] == self.own.public and self.hello_l[-96:-64] == self.peer
                and hashlib.sha256(self.hello_d).digest() in self.hello_l
                and tag == self.confirmation("l2d", self.hello_d + self.hello_l))

    def message_3(self):
        """Our confirmation as a frame."""
        return frame(self.confirmation("d2l", self.transcript))


class Listener(Side):
    """The side that is called. Its peer is known when message 1 has come."""

    def __init__(self, own, hello_d, namespace=b"kith", secret=None):
        super().__init__(own, hello_d[-96:-64], namespace, secret)
        self.hello_d = hello_d

    def answer(self, **parts):
        """Our hello and our confirmation: the body of message 2."""
        tag = b"\1" + hashlib.sha256(self.hello_d).digest()
        self.hello_l = self.hello(**{"tag": tag, **parts})
        self.derive(self.hello_d[32:64])
        self.send_key, self.receive_key = self.keys["l2d/traffic"], self.keys["d2l/traffic"]
        return self.hello_l + self.confirmation("l2d", self.hello_d + self.hello_l)

    def takes_3(self, body):
        """Whether this is the confirmation of who has said hello."""
        transcript = self.hello_d + self.hello_l
        return body == self.confirmation("d2l", transcript + self.confirmation("l2d", transcript))


def read_frame(sock):
    """The body of the next frame, or what there is of it."""
    return _read(sock, int.from_bytes(_read(sock, 4), "big"))


def _read(sock, size):
    data = b""
    while len(data) < size and (chunk := sock.recv(size - len(data))):
        data += chunk
    return data


def made_again(vector):
    """Whether we say what is recorded there, byte for byte."""
    said = [bytes.fromhex(words)[4:] for words in vector["frames_handshake"]]
    near, far = vector["dialer"], vector["listener"]
    of = {name: bytes.fromhex(near[name]) for name in ("seed", "ephemeral_secret")}
    namespace = bytes.fromhex(vector["namespace"])
    listens = Identity(bytes.fromhex(far["seed"]))
    dialer = Dialer(Identity(of["seed"]), listens.public, namespace, of["ephemeral_secret"])
    dialer.message_1(timestamp=near["timestamp_ms"])
    listener = Listener(listens, dialer.hello_d, namespace, bytes.fromhex(far["ephemeral_secret"]))
    answer = listener.answer(timestamp=far["timestamp_ms"])
    good = [dialer.hello_d, answer] == said[:2] and dialer.take_2(answer)
    good = good and dialer.message_3()[4:] == said[2] and listener.takes_3(said[2])
    for sender, receiver, way in ((dialer, listener, "d2l"), (listener, dialer, "l2d")):
        for text, sealed in zip(vector["plaintext_" + way], vector["sealed_" + way]):
            plain, body = bytes.fromhex(text), bytes.fromhex(sealed)
            good = good and sender.seal(plain)[4:] == body and receiver.unseal(body) == plain
    return good


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as file:
        others = [v["name"] for v in json.load(file)["vectors"] if not made_again(v)]
    if others:
        sys.exit(f"not made again: {others}")
