"""The table of what can be answered wrongly to a caller, and the reason that dial and forward have
to give. tests/tools/attacks.py tries them.

An answer is made by a function of the listener (a speaker.Listener with bob's key, who has heard
message 1): all that is said on the connection. Where a status is not named, it is that of a failed
handshake."""

import struct
import typing

import primitives
import speaker
from speaker import frame, now, varint
from spoiled import (
    CLOCKS, CONFIRMATION, CUT, EMPTY, GREETINGS, LOOSE, LOW, LOW_ORDER, MALFORMED, MIXED,
    NOT_FOR_US, OTHER_PROTOCOLS, OWN_KEY, SIGNATURE, SIGNATURES, SMALL, TAG, TOO_LONG, UNDECODABLE,
    WRONG_PEER, YEAR_MS, from_end)

HANDSHAKE, CLOCK = 5, 6  # exit statuses


class Answer(typing.NamedTuple):
    """What is said, by a function of the listener; then the sending side is shut down if so."""

    name: str
    reason: str
    said: typing.Callable
    status: int = HANDSHAKE
    shut: bool = False


def _said(words):
    return lambda _listener: words


def _with(**parts):
    return lambda listener: frame(listener.answer(**parts))


def _confirmed(made):
    """A good hello, with this in the place of its confirmation."""
    return lambda listener: frame(listener.answer()[:-16] + made(listener))


def _edited(edit):
    """An answer whose hello was changed by this before it was confirmed."""
    def said(listener):
        body = bytearray(listener.answer()[:-16])
        edit(body)
        listener.hello_l = bytes(body)
        listener.derive(listener.hello_d[32:64])
        transcript = listener.hello_d + listener.hello_l
        return frame(listener.hello_l + listener.confirmation("l2d", transcript))
    return said


def _of_frames():
    yield Answer("nothing, and the end", CUT, _said(b""), shut=True)
    yield Answer("half a length, and the end", CUT, _said(b"\0\0"), shut=True)
    yield Answer("half an answer, and the end", CUT,
                 lambda listener: frame(listener.answer())[:100], shut=True)
    for length, reason in {0: EMPTY, 220: TOO_LONG, 2**31: TOO_LONG, 2**32 - 1: TOO_LONG}.items():
        yield Answer(f"a length of {length}, and nothing else", reason,
                     _said(struct.pack(">I", length)))
    for name, words in GREETINGS.items():
        yield Answer(name, TOO_LONG, _said(words))
    yield Answer("HTTP, as a caller", TOO_LONG, _said(OTHER_PROTOCOLS["HTTP"]))
    yield Answer("a frame of zeros", MALFORMED, _said(frame(bytes(219))))
    yield Answer("a byte less", MALFORMED, lambda listener: frame(listener.answer()[:-1]))
    yield Answer("a byte more", MALFORMED, lambda listener: frame(listener.answer() + b"\0"))
    yield Answer("a hello alone", MALFORMED, lambda listener: frame(listener.answer()[:-16]))
    yield Answer("the answer, and data before message 3", MALFORMED,
                 lambda listener: frame(listener.answer()) + listener.seal(b"data"))
    yield Answer("the answer twice", MALFORMED, lambda listener: 2 * frame(listener.answer()))


def _of_codec():
    stamp = varint(now())
    for name, written in {
        "a zero at the end": stamp[:-1] + bytes([stamp[-1] | 0x80, 0]),
        "a bit above bit 63": b"\xff" * 9 + b"\2",
        "no end": b"\xff" * 10,
    }.items():
        yield Answer("a timestamp with " + name, MALFORMED, _with(timestamp=written))
    for option in (2, 0xff):
        yield Answer(f"an option of {option}", MALFORMED, _with(tag=bytes([option]) + bytes(32)))


def _of_parties(scene):
    yield Answer("reflected: message 1", MALFORMED, lambda listener: frame(listener.hello_d))
    yield Answer("reflected: message 1 with a confirmation", NOT_FOR_US,
                 lambda listener: frame(listener.hello_d + bytes(16)))
    yield Answer("for another caller", NOT_FOR_US, _with(recipient=scene.carol.public))
    yield Answer("for the listener", NOT_FOR_US, _with(recipient=scene.bob.public))
    yield Answer("from our own key", OWN_KEY, _with(signer=scene.alice))
    yield Answer("from another peer", WRONG_PEER, _with(signer=scene.carol))
    yield Answer("from a stranger", WRONG_PEER, _with(signer=speaker.Identity(bytes(32))))
    yield Answer("from a stranger in the name of who was called", SIGNATURE, lambda listener: frame(
        listener.answer(signer=scene.carol).replace(scene.carol.public, scene.bob.public)))


def _of_tags(scene):
    yield Answer("no tag", TAG, _with(tag=b"\0"))
    yield Answer("a tag of zeros", TAG, _with(tag=b"\1" + bytes(32)))
    other = speaker.Listener(scene.bob, scene.answered.hello_d)
    yield Answer("of another session, to the same caller", TAG, lambda _: frame(other.answer()))
    yield Answer("to another session, under a new hello", TAG,
                 _with(tag=b"\1" + scene.answered.hello_l[-128:-96]))


def _of_clocks():
    for name, timestamp in {"0": 0, "2^63": 2**63, "2^64-1": 2**64 - 1,
                            "a year ago": now() - YEAR_MS}.items():
        yield Answer("a timestamp of " + name, CLOCKS, _with(timestamp=timestamp), CLOCK)
    yield Answer("a timestamp 11 s ago", CLOCKS,
                 lambda listener: frame(listener.answer(timestamp=now() - 11000)), CLOCK)
    yield Answer("a timestamp a minute ahead", CLOCKS,
                 lambda listener: frame(listener.answer(timestamp=now() + 60000)), CLOCK)


def _of_signatures():
    for name in (b"", b"kit", b"kith ", b"kith\0kept/1", b"x" * 128):
        yield Answer(f"the namespace {name[:12]} of {len(name)} bytes", SIGNATURE,
                     _with(namespace=name))
    for name, edit in SIGNATURES.items():
        yield Answer("a signature " + name, SIGNATURE, _edited(edit))
    forged = "|".join((SIGNATURE, WRONG_PEER))
    for number, point in enumerate(SMALL):
        yield Answer(f"a signer of small order, {number}", forged,
                     _edited(from_end(-96, point + SMALL[0] + bytes(32))))
    yield Answer("a signer that is no point", forged, _edited(from_end(-96, UNDECODABLE)))


def _of_mixed_order():
    yield Answer("from a signer of mixed order", WRONG_PEER, _with(signer=MIXED))
    yield Answer("from a signer of mixed order, by a signature that needs the cofactor", SIGNATURE,
                 _with(signer=LOOSE))
    yield Answer("a signature whose R is of mixed order", SIGNATURE, _with(
        signer=speaker.identity_of("bob", primitives.MixedRSigner)))


def _of_points():
    for point in LOW:
        yield Answer(f"a point of low order: {point.hex()[:8]}...{point.hex()[-2:]}", LOW_ORDER,
                     _with(ephemeral=point))


def _of_confirmations(scene):
    yield Answer("a confirmation of zeros", CONFIRMATION, _confirmed(lambda _: bytes(16)))
    yield Answer("the caller's confirmation", CONFIRMATION, _confirmed(
        lambda listener: listener.confirmation("d2l", listener.hello_d + listener.hello_l)))
    yield Answer("a confirmation of the listener's hello alone", CONFIRMATION, _confirmed(
        lambda listener: listener.confirmation("l2d", listener.hello_l)))
    yield Answer("a confirmation of both in the wrong order", CONFIRMATION, _confirmed(
        lambda listener: listener.confirmation("l2d", listener.hello_l + listener.hello_d)))
    yield Answer("another session's confirmation", CONFIRMATION,
                 _confirmed(lambda _: scene.answered.transcript[-16:]))
    yield Answer("another point than that of the keys", CONFIRMATION,
                 _with(ephemeral=primitives.x25519_public(bytes(32))))


def all_of(scene):
    """The whole table."""
    return [*_of_frames(), *_of_codec(), *_of_parties(scene), *_of_tags(scene), *_of_clocks(),
            *_of_signatures(), *_of_mixed_order(), *_of_points(), *_of_confirmations(scene)]
