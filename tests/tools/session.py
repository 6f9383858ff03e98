"""The secrets of a session, computed from what went over the wire and from random numbers that are
known (known_random.c): what a process must have forgotten is what these functions return."""

import hashlib
import hmac

from primitives import x25519, x25519_public

MASK = 2**64 - 1


def _mixed(value):
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def known_random(seed, count, size=32):
    """What a process with this KITH_RANDOM_SEED gets when it asks for the count-th time, from 0."""
    begin = (seed << 32) + (count << 16)
    return bytes(_mixed(begin + i & MASK) & 0xFF for i in range(size))


def _of_public(public, seed):
    """The known random number whose public key this is."""
    for count in range(64):
        secret = known_random(seed, count)
        if x25519_public(secret) == public:
            return secret
    raise AssertionError("an ephemeral key that is not of the known random numbers")


def _hmac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def secrets_of(hello_d, hello_l, seed_d, seed_l, namespace):
    """All that is secret of the session of these two hellos: by name, 32 bytes each."""
    ephemeral_d, ephemeral_l = hello_d[32:64], hello_l[32:64]
    secret_d, secret_l = _of_public(ephemeral_d, seed_d), _of_public(ephemeral_l, seed_l)
    shared = x25519(secret_d, ephemeral_l)
    salt = hashlib.sha256(b"commonware-stream/KDF/v1/" + namespace + hello_d + hello_l).digest()
    extracted = _hmac(salt, shared)
    found = {
        "ephemeral secret of the dialer": secret_d,
        "ephemeral secret of the listener": secret_l,
        "shared secret": shared,
        "extracted key": extracted,
    }
    for name in ("d2l/traffic", "l2d/traffic", "d2l/confirmation", "l2d/confirmation"):
        found[name] = _hmac(extracted, name.encode() + b"\1")
    return found
