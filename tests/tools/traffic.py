"""The table of what a known peer can say wrongly once the channel is up, and the reason that has to
be given, in all four roles. tests/tools/attacks.py tries them, with messages of 1 KiB at most.

What is said is made by a function of a Talk; the stream begins with a word that arrives. "ended"
means that the other side has come to its end before, and "shut" that ours is closed afterwards."""

import dataclasses
import os
import socket
import struct
import typing

import speaker
from speaker import frame
from spoiled import (
    AFTER_END, AFTER_RECEIPT, CUT_SHORT, EARLY_RECEIPT, MESSAGE_LONG, MESSAGE_SHORT,
    OTHER_PROTOCOLS, TAMPERED)

MAX = 1024
LIMIT = MAX + speaker.TAG
FIRST = b"what arrives, "
FILLER = os.urandom(LIMIT)  # so that a length that was made larger is there


@dataclasses.dataclass
class Talk:
    """A channel that is up: our side of it, and the side of another session."""

    side: speaker.Side
    other: speaker.Side
    sock: socket.socket
    heard: bytes = b""  # the body of the other side's end, once it is waited for

    def await_end(self):
        """Take the other side's end."""
        self.heard = speaker.read_frame(self.sock)
        return self.side.unseal(self.heard) == b""


class Misdeed(typing.NamedTuple):
    """What is said behind the first word, and what of it may arrive."""

    name: str
    reason: str
    said: typing.Callable
    arrives: bytes = b""
    ended: bool = False
    end_arrives: bool = False
    shut: bool = False


def _reason_of_length(length):
    if length < speaker.TAG:
        return MESSAGE_SHORT
    return MESSAGE_LONG if length > LIMIT else TAMPERED


def _flipped(bit):
    def said(talk):
        sealed = bytearray(talk.side.seal(b"second"))
        sealed[bit // 8] ^= 0x80 >> bit % 8
        return bytes(sealed) + FILLER
    return said


def _of_bits(every):
    whole = speaker.TAG + len(b"second")
    for bit in range(32):
        reason = _reason_of_length(whole ^ 1 << 31 - bit)
        yield Misdeed(f"bit {bit} of a length", reason, _flipped(bit))
    for bit in range(32, 8 * (4 + whole), 1 if every else 9):
        yield Misdeed(f"bit {bit} of a message", TAMPERED, _flipped(bit))


def _of_lengths():
    for length in (0, 1, 15, LIMIT + 1, 2**31, 2**32 - 1):
        yield Misdeed(f"a length of {length}, and nothing else", _reason_of_length(length),
                      lambda _, length=length: struct.pack(">I", length))
    for size in (MAX + 1, 64 << 10):
        yield Misdeed(f"a message of {size} bytes, well sealed", MESSAGE_LONG,
                      lambda talk, size=size: talk.side.seal(bytes(size)))
    yield Misdeed("the largest message, and one that is larger", MESSAGE_LONG,
                  lambda talk: talk.side.seal(bytes(MAX)) + talk.side.seal(bytes(MAX + 1)),
                  arrives=bytes(MAX))
    yield Misdeed("a byte less of a message", TAMPERED,
                  lambda talk: frame(talk.side.seal(b"second")[4:-1]))
    yield Misdeed("a byte more of a message", TAMPERED,
                  lambda talk: frame(talk.side.seal(b"second")[4:] + b"\0"))
    yield Misdeed("HTTP", MESSAGE_LONG, lambda _: OTHER_PROTOCOLS["HTTP"])
    yield Misdeed("noise", TAMPERED, lambda _: frame(FILLER))
    yield Misdeed("noise as short as an end", TAMPERED, lambda _: frame(FILLER[:16]))


def _left_out(talk):
    talk.side.seal(b"never said")
    return talk.side.seal(b"second")


def _swapped(talk):
    second = talk.side.seal(b"second")
    return talk.side.seal(b"third") + second


def _numbered(number):
    return lambda talk: talk.side.seal(b"second", number)


def _keyed(name):
    return lambda talk: talk.side.seal(b"second", key=talk.side.keys[name])


def _reflected(talk):
    return frame(talk.heard)


def _of_order():
    yield Misdeed("a message left out", TAMPERED, _left_out)
    yield Misdeed("two messages swapped", TAMPERED, _swapped)
    yield Misdeed("a message twice", TAMPERED, lambda talk: 2 * talk.side.seal(b"second"),
                  arrives=b"second")
    yield Misdeed("the first message again", TAMPERED, lambda talk: talk.side.seal(FIRST, 0))
    for number in (2, 2**32 + 1, 2**64 + 1, 2**96 - 1):
        yield Misdeed(f"message number {number}", TAMPERED, _numbered(number))
    yield Misdeed("a message of another session", TAMPERED,
                  lambda talk: talk.other.seal(b"second", 1))
    yield Misdeed("the end of another session", TAMPERED, lambda talk: talk.other.seal(b"", 1))
    for name in ("d2l/confirmation", "l2d/confirmation"):
        yield Misdeed("a message under the key " + name, TAMPERED, _keyed(name))
    yield Misdeed("a message under the key of the other direction", TAMPERED,
                  lambda talk: talk.side.seal(b"second", key=talk.side.receive_key))
    yield Misdeed("its own end, reflected", TAMPERED, _reflected, ended=True)
    yield Misdeed("the hello again", TAMPERED, lambda talk: frame(talk.side.hello_d))
    yield Misdeed("the confirmation again", TAMPERED, lambda talk: frame(
        talk.side.confirmation("d2l", talk.side.hello_d + talk.side.hello_l)))


def _sealed(*texts):
    return lambda talk: b"".join(map(talk.side.seal, texts))


def _once_all_is_said(talk):
    """Data after the receipt, when the other side has said its last word, and waits for our close."""
    talk.sock.sendall(talk.side.seal(b""))
    receipt = speaker.read_frame(talk.sock)
    talk.sock.sendall(talk.side.seal(b""))
    closed = talk.sock.recv(1) == b""
    return talk.side.seal(b"x") if closed and talk.side.unseal(receipt) == b"" else b""


def _of_stream():
    yield Misdeed("data after the end", AFTER_END, _sealed(b"", b"x"), end_arrives=True)
    yield Misdeed("data after the end, when both have ended", AFTER_END, _sealed(b"", b"x"),
                  ended=True, end_arrives=True)
    yield Misdeed("a receipt for what was not sent", EARLY_RECEIPT, _sealed(b"", b""),
                  end_arrives=True)
    yield Misdeed("data after the receipt", AFTER_RECEIPT, _sealed(b"", b"", b"x"),
                  ended=True, end_arrives=True)
    yield Misdeed("data after the receipt, once all is said", AFTER_RECEIPT, _once_all_is_said,
                  ended=True, end_arrives=True)
    yield Misdeed("a third empty message", AFTER_RECEIPT, _sealed(b"", b"", b""),
                  ended=True, end_arrives=True)
    yield Misdeed("closed after data", CUT_SHORT, _sealed(b"second"), arrives=b"second", shut=True)
    yield Misdeed("closed within a length", CUT_SHORT,
                  lambda talk: talk.side.seal(b"second")[:3], shut=True)
    yield Misdeed("closed within a message", CUT_SHORT,
                  lambda talk: talk.side.seal(b"second")[:-1], shut=True)
    yield Misdeed("closed within the end", CUT_SHORT, lambda talk: talk.side.seal(b"")[:-1],
                  ended=True, shut=True)
    yield Misdeed("closed before the receipt", CUT_SHORT, _sealed(b""), ended=True,
                  end_arrives=True, shut=True)
    yield Misdeed("closed within the receipt", CUT_SHORT,
                  lambda talk: talk.side.seal(b"") + talk.side.seal(b"")[:-1], ended=True,
                  end_arrives=True, shut=True)


def all_of(every_bit):
    """The whole table."""
    return [*_of_bits(every_bit), *_of_lengths(), *_of_order(), *_of_stream()]
