"""The table of what a caller can say wrongly in the handshake, and the reason that a listener's log
has to give for each. tests/tools/attacks.py tries them.

A caller says message 1, and if there is something for it, message 3. Each of both is made by a
function of the caller (a speaker.Dialer whose key is known); what else it needs is in its scene."""

import dataclasses
import hashlib
import struct
import typing

import primitives
import speaker
from speaker import frame, now, varint
from spoiled import (
    ANSWERED, CLOCKS, CONFIRMATION, EMPTY, KIND, LOOSE, LOW, LOW_ORDER, MALFORMED, MIXED,
    NOT_FOR_US, OTHER_PROTOCOLS, OWN_KEY, SIGNATURE, SIGNATURES, SMALL, TOO_LONG, UNDECODABLE,
    UNKNOWN, YEAR_MS, from_end)


@dataclasses.dataclass
class Scene:
    """The identities of a test, and what was recorded before it."""

    alice: speaker.Identity
    bob: speaker.Identity
    carol: speaker.Identity
    answered: speaker.Dialer = None  # alice's, with bob's answer and her own confirmation


class Attack(typing.NamedTuple):
    """What is said as message 1 and as message 3, by functions of the caller."""

    name: str
    reason: typing.Optional[str]
    first: typing.Callable
    third: typing.Callable = None


def _said(words):
    return lambda _caller: words


def _with(**parts):
    return lambda caller: caller.message_1(**parts)


def _edited(edit):
    """Message 1 whose body, a list of bytes, was changed by this."""
    def first(caller):
        body = bytearray(caller.hello())
        edit(body)
        return frame(bytes(body))
    return first


# Lengths that are refused before a byte behind them is read.
LENGTHS = {0: EMPTY, 204: TOO_LONG, 2**31 - 1: TOO_LONG, 2**31: TOO_LONG, 2**32 - 1: TOO_LONG}


def _of_frames():
    for length, reason in LENGTHS.items():
        yield Attack(f"a length of {length}, and nothing else", reason,
                     _said(struct.pack(">I", length)))
    for name, words in OTHER_PROTOCOLS.items():
        yield Attack(name, TOO_LONG, _said(words))
    yield Attack("a frame of one byte", MALFORMED, _said(frame(b"\0")))
    yield Attack("a frame of zeros", MALFORMED, _said(frame(bytes(203))))
    yield Attack("a hello that lacks its last byte", MALFORMED, _edited(lambda body: body.pop()))
    yield Attack("a byte behind the hello", MALFORMED, _edited(lambda body: body.append(0)))
    yield Attack("a hello, and more behind it", MALFORMED,
                 lambda caller: caller.message_1() + b"\0")
    yield Attack("two hellos at once", MALFORMED,
                 lambda caller: caller.message_1() + caller.message_1())
    yield Attack("a hello and a confirmation at once", MALFORMED,
                 lambda caller: caller.message_1() + frame(bytes(16)))


def _of_codec(is_kept):
    stamp = varint(now())
    for name, written in {
        "a zero at the end": stamp[:-1] + bytes([stamp[-1] | 0x80, 0]),
        "zero in two bytes": b"\x80\0",
        "ten bytes whose last is zero": b"\xff" * 9 + b"\0",
        "a bit above bit 63": b"\xff" * 9 + b"\2",
        "eleven bytes": b"\xff" * 10 + b"\1",
        "no end": b"\xff" * 10,
    }.items():
        yield Attack("a timestamp with " + name, MALFORMED, _with(timestamp=written))
    for option in (2, 0x80, 0xff):
        yield Attack(f"an option of {option}", MALFORMED, _with(tag=bytes([option])))
        yield Attack(f"an option of {option} and a tag", MALFORMED,
                     _with(tag=bytes([option]) + bytes(32)))
    yield Attack("no option", MALFORMED, _with(tag=b""))
    yield Attack("a tag in message 1", MALFORMED if is_kept else ANSWERED, _with(tag=b"\1" + bytes(32)))
    yield Attack("half a tag", MALFORMED, _with(tag=b"\1" + bytes(16)))


def _of_parties(scene):
    for name, key in {"the caller": scene.alice.public, "another peer": scene.carol.public,
                      "nobody": bytes(32)}.items():
        yield Attack("for " + name, NOT_FOR_US, _with(recipient=key))
    yield Attack("from our own key", OWN_KEY, _with(signer=scene.bob))
    stranger = speaker.Identity(bytes(32))
    yield Attack("from a stranger", UNKNOWN, _with(signer=stranger))
    yield Attack("from a stranger in a known name", SIGNATURE,
                 lambda caller: frame(caller.hello(signer=stranger).replace(
                     stranger.public, caller.own.public)))
    yield Attack("reflected: our own answer", NOT_FOR_US, lambda _: frame(scene.answered.hello_l))
    yield Attack("reflected: our own message 2, whole", TOO_LONG, lambda _: frame(
        scene.answered.transcript[len(scene.answered.hello_d):]))
    relayed = speaker.Dialer(scene.alice, scene.carol.public)
    yield Attack("relayed: a hello that was meant for another peer", NOT_FOR_US,
                 lambda _: relayed.message_1())


def _of_clocks():
    # Far from the bounds, which test_handshake.c has: a busy machine may be seconds late.
    for name, timestamp in {
        "0": 0, "1": 1, "2^63": 2**63, "2^64-1": 2**64 - 1,
        "a year ago": now() - YEAR_MS, "11 s ago": now() - 11000,
    }.items():
        yield Attack("a timestamp of " + name, CLOCKS, _with(timestamp=timestamp))
    yield Attack("a timestamp a minute ahead", CLOCKS,
                 lambda caller: caller.message_1(timestamp=now() + 60000))
    yield Attack("a timestamp 2 s ago", ANSWERED,
                 lambda caller: caller.message_1(timestamp=now() - 2000))
    yield Attack("a timestamp 4 s ahead", ANSWERED,
                 lambda caller: caller.message_1(timestamp=now() + 4000))


def _shifted(by):
    """What was signed, namespace and Info, are the same bytes one after the other as they should
    be, cut so many bytes further on, or back."""
    def first(caller):
        signed = speaker.info(caller.peer, caller.ephemeral, now())
        both = caller.namespace + signed
        at = len(caller.namespace) + by
        return frame(signed + caller.own.public + caller.own.sign(both[:at], both[at:]))
    return first


def _of_signatures():
    yield Attack("the namespace of the reverse way", KIND, _with(namespace=b"kith\0kept-back/1"))
    for name in (b"", b"kit", b"kith ", b"Kith", b"kith\0", b"kith\0kept/2", b"kith\0kept-back/2",
                 b"x" * 127, b"x" * 128, b"x" * 1024):
        yield Attack(f"the namespace {name[:12]} of {len(name)} bytes", SIGNATURE,
                     _with(namespace=name))
    for by in (1, 32, 124, -1, -4):
        yield Attack(f"a namespace that ends {by} bytes further on", SIGNATURE, _shifted(by))
    for name, edit in {
        **SIGNATURES,
        "whose S is the order": from_end(-32, primitives.L.to_bytes(32, "little")),
        "whose R is another spelling of 1": from_end(-64, b"\xee" + b"\xff" * 30 + b"\x7f"),
    }.items():
        yield Attack("a signature " + name, SIGNATURE, _edited(edit))
    forged = "|".join((SIGNATURE, UNKNOWN))
    for number, point in enumerate(SMALL):
        yield Attack(f"a signer of small order, {number}", forged,
                     _edited(from_end(-96, point + point + bytes(32))))
        yield Attack(f"a signer of small order, {number}, with R of 1", forged,
                     _edited(from_end(-96, point + SMALL[0] + bytes(32))))
    yield Attack("a signer that is no point", forged, _edited(from_end(-96, UNDECODABLE)))


def _of_mixed_order():
    """They are keys as others are: of a stranger, if nobody knows them."""
    yield Attack("a signer of mixed order", UNKNOWN, _with(signer=MIXED))
    yield Attack("a signer of mixed order, by a signature that needs the cofactor",
                 "|".join((SIGNATURE, UNKNOWN)), _with(signer=LOOSE))
    yield Attack("a signature whose R is of mixed order", SIGNATURE, _with(
        signer=speaker.identity_of("alice", primitives.MixedRSigner)))


def _of_points():
    for point in LOW:
        yield Attack(f"a point of low order: {point.hex()[:8]}...{point.hex()[-2:]}", LOW_ORDER,
                     _with(ephemeral=point))
    yield Attack("a point whose unused bit is set", ANSWERED, lambda caller: caller.message_1(
        ephemeral=caller.ephemeral[:31] + bytes([caller.ephemeral[31] | 0x80])))


def _third(name, reason, made):
    return Attack("message 3: " + name, reason, lambda caller: caller.message_1(), made)


def _of_confirmations(scene):
    def over(way, *parts):
        return lambda caller: frame(caller.confirmation(way, b"".join(
            getattr(caller, part) for part in parts)))

    yield _third("zeros", CONFIRMATION, _said(frame(bytes(16))))
    yield _third("our own, reflected", CONFIRMATION, lambda caller: frame(caller.transcript[-16:]))
    yield _third("of both hellos alone", CONFIRMATION, over("d2l", "hello_d", "hello_l"))
    yield _third("of both hellos, swapped", CONFIRMATION, over("d2l", "hello_l", "hello_d"))
    yield _third("of nothing", CONFIRMATION, over("d2l"))
    yield _third("with the listener's key", CONFIRMATION, over("l2d", "transcript"))
    yield _third("of another session", CONFIRMATION, lambda _: scene.answered.message_3())
    yield _third("an end in its place", CONFIRMATION, lambda caller: caller.seal(b""))
    yield _third("data in its place", TOO_LONG, lambda caller: caller.seal(b"x"))
    yield _third("message 1 again", TOO_LONG, lambda caller: frame(caller.hello_d))
    yield _third("a byte less", MALFORMED, lambda caller: frame(caller.message_3()[4:-1]))
    yield _third("a byte more", TOO_LONG, lambda caller: frame(caller.message_3()[4:] + b"\0"))
    yield _third("an empty frame", EMPTY, _said(bytes(4)))
    for length in (2**31, 2**32 - 1):
        yield _third(f"a length of {length}", TOO_LONG, _said(struct.pack(">I", length)))
    yield _third("HTTP", TOO_LONG, _said(OTHER_PROTOCOLS["HTTP"]))
    # Who is known puts itself between two peers: the point of one, under its own signature.
    yield Attack("in the middle: a point that is another's, and its own signature", CONFIRMATION,
                 lambda caller: _between(scene, caller), _said(frame(bytes(16))))


def _between(scene, caller):
    """carol signs the point of alice's for bob: she is answered, and cannot go on."""
    caller.own = scene.carol
    return caller.message_1(ephemeral=primitives.x25519_public(hashlib.sha256(b"alice").digest()))


def all_of(scene, namespace=b"kith"):
    """The whole table, for a listener of this namespace."""
    is_kept = namespace != b"kith"
    attacks = [*_of_frames(), *_of_codec(is_kept), *_of_parties(scene), *_of_clocks(), *_of_signatures(),
               *_of_mixed_order(), *_of_points(), *_of_confirmations(scene)]
    return [attack for attack in attacks if attack.reason != KIND or not is_kept]
