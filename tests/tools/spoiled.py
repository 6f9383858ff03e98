"""What attacks are made of: points and signatures that are none, and what other protocols say; and
the reasons that a log has to give, as kith words them."""

import primitives
import speaker

TOO_LONG = "a frame longer than allowed: not our protocol"
EMPTY = "an empty frame: not our protocol"
MALFORMED = "malformed handshake message"
NOT_FOR_US = "the hello is meant for another key"
OWN_KEY = "the other side uses our own key"
CLOCKS = "the clocks disagree"
UNKNOWN = "key not known, or not allowed here"
SIGNATURE = "wrong namespace or signature"
KIND = "wants a kind of channel that is not offered here"
SEEN = "a hello that was seen before"
LOW_ORDER = "the shared secret is all zero, so it is not secret"
CONFIRMATION = "wrong confirmation: not the holder of the key"
ANSWERED = None  # it is no attack, and the answer is as it should be
TAG = "an answer to another hello"
WRONG_PEER = "somebody else answered"
CUT = "closed during the handshake"
LATE = "no handshake in time"

MESSAGE_SHORT = "a frame too short for a message"
MESSAGE_LONG = "a message longer than allowed"
TAMPERED = "a message was tampered with"
AFTER_END = "the peer sent data after its end"
AFTER_RECEIPT = "the peer sent more after its receipt"
EARLY_RECEIPT = "the peer confirmed what it cannot have"
CUT_SHORT = "cut short"

YEAR_MS = 365 * 86400 * 1000

# The points of Curve25519 and its twist whose order divides 8, and their other spellings.
LOW = [bytes.fromhex(point) for point in (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
LOW += [point[:31] + bytes([point[31] | 0x80]) for point in LOW]

# The points of Ed25519 whose order divides 8. Who has one for a key needs no secret: with the same
# point as R, and S = 0, many a message is signed.
SMALL = [bytes.fromhex(point) for point in (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")]
# Whose public key has a part of order 8, with signatures that are right, or only with the cofactor.
MIXED, LOOSE = (speaker.Identity(b"mixed", signer) for signer in (
    primitives.MixedSigner, primitives.LooseSigner))
UNDECODABLE = b"\2" + bytes(31)


def signature_plus_order(body):
    """Make the signature at the end of a list of bytes one whose S is not reduced."""
    s = int.from_bytes(body[-32:], "little") + primitives.L
    body[-32:] = s.to_bytes(32, "little")


def from_end(at, value):
    """What puts a value into a list of bytes, so far from its end, where the signature is."""
    def edit(body):
        start = len(body) + at
        body[start:start + len(value)] = value
    return edit


# What is done to a signature, and the edit that does it.
SIGNATURES = {
    "of zeros": from_end(-64, bytes(64)),
    "whose S is not reduced": signature_plus_order,
    "whose R is of small order": from_end(-64, SMALL[4]),
    "whose R is no point": from_end(-64, UNDECODABLE),
}

# What clients of other protocols say first.
OTHER_PROTOCOLS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: kith\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "SSH": b"SSH-2.0-OpenSSH_9.7\r\n",
    "SMTP": b"EHLO example.org\r\n",
    "PROXY, version 1": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY, version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "SOCKS 5": b"\5\1\0\5",
    "RDP": b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0",
    "a long DNS query": b"\x01\x00" + bytes(256),
}

# What the servers of other protocols say first, or to what they do not understand.
GREETINGS = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "TLS": b"\x15\x03\x01\0\x02\x02\x46",
    "SSH": b"SSH-2.0-OpenSSH_9.7\r\n",
    "SMTP": b"220 example.org ESMTP\r\n",
    "FTP": b"220 ready\r\n",
    "IMAP": b"* OK ready\r\n",
    "Redis": b"-ERR unknown command\r\n",
    "MySQL": b"J\0\0\0\x0a8.0.36\0" + bytes(60),
    "VNC": b"RFB 003.008\n",
}
