"""X25519 (RFC 7748), Ed25519's signing (RFC 8032), ChaCha20-Poly1305 (RFC 8439) and HKDF (RFC 5869)
for tests that play a peer, in Python alone: nothing of it shares a line with what it is tried on.
Slow, and open to whoever measures time: for keys of tests only."""

import hashlib
import hmac
import struct

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_BY = 4 * pow(5, P - 2, P) % P


def x25519(secret, public):
    """The shared secret of these two, all zeros included."""
    k = (int.from_bytes(secret, "little") & ~7 & ~(1 << 255)) | 1 << 254
    u = int.from_bytes(public, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swapped = 1, 0, u, 1, 0
    for bit in range(254, -1, -1):
        swap = k >> bit & 1
        if swap != swapped:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = swap
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def x25519_public(secret):
    """The public key of a secret."""
    return x25519(secret, (9).to_bytes(32, "little"))


def _even_root(y):
    square = (y * y - 1) * pow(_D * y * y + 1, P - 2, P) % P
    root = pow(square, (P + 3) // 8, P)
    if (root * root - square) % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if root % 2 == 0 else P - root


# Points as (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z.
_IDENTITY = (0, 1, 1, 0)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * _D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _powers_of_two():
    x = _even_root(_BY)
    point = x, _BY, 1, x * _BY % P
    for _ in range(256):
        yield point
        point = _add(point, point)


_TIMES_BASE = list(_powers_of_two())


def _multiple(scalar):
    """So many times the base point."""
    point = _IDENTITY
    for bit, power in enumerate(_TIMES_BASE):
        if scalar >> bit & 1:
            point = _add(point, power)
    return point


def _encoded(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _encoded_multiple(scalar):
    return _encoded(_multiple(scalar))


def multiples(count):
    """The base point once, twice and so on: valid public keys, whose private ones nobody has."""
    points, point = [], _TIMES_BASE[0]
    for _ in range(count):
        points.append(point)
        point = _add(point, _TIMES_BASE[0])
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % P)
    inverse = pow(products[-1], P - 2, P)  # of all z together
    keys = []
    for point, before in zip(reversed(points), reversed(products[:-1])):
        x, y = (c * inverse * before % P for c in point[:2])
        inverse = inverse * point[2] % P
        keys.append((y | (x & 1) << 255).to_bytes(32, "little"))
    return keys[::-1]


def _hash_scalar(*pieces):
    return int.from_bytes(hashlib.sha512(b"".join(pieces)).digest(), "little") % L


class Signer:
    """An Ed25519 key pair."""

    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self._scalar = (int.from_bytes(digest[:32], "little") & ~7 & ~(1 << 255)) | 1 << 254
        self._scalar &= (1 << 255) - 1
        self._prefix = digest[32:]
        self.public = _encoded_multiple(self._scalar)

    def sign(self, message):
        """The signature of a message."""
        r = _hash_scalar(self._prefix, message)
        encoded = _encoded_multiple(r)
        s = (r + _hash_scalar(encoded, self.public, message) * self._scalar) % L
        return encoded + s.to_bytes(32, "little")


_Y_OF_ORDER_8 = int.from_bytes(bytes.fromhex(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_OF_ORDER_8 = (_even_root(_Y_OF_ORDER_8), _Y_OF_ORDER_8, 1,
               _even_root(_Y_OF_ORDER_8) * _Y_OF_ORDER_8 % P)


class MixedSigner(Signer):
    """One whose public key is the sum of one and a point of order 8. Where a signature is verified
    without the cofactor, it is right if its hash is a multiple of 8: which ours are."""

    def __init__(self, seed):
        super().__init__(seed)
        self.public = _encoded(_add(_multiple(self._scalar), _OF_ORDER_8))

    @staticmethod
    def _fits(k):
        return k % 8 == 0

    def sign(self, message):
        """The first that fits."""
        for count in range(256):
            r = _hash_scalar(self._prefix, bytes([count]), message)
            encoded = _encoded_multiple(r)
            k = _hash_scalar(encoded, self.public, message)
            if self._fits(k):
                return encoded + ((r + k * self._scalar) % L).to_bytes(32, "little")
        raise AssertionError("256 hashes, and none of them fits")


class LooseSigner(MixedSigner):
    """The same key, whose signatures are right only with the cofactor."""

    @staticmethod
    def _fits(k):
        return k % 8 != 0


class MixedRSigner(Signer):
    """An ordinary key, with an R that has a part of order 8: right only with the cofactor, too."""

    def sign(self, message):
        """The signature of a message."""
        r = _hash_scalar(self._prefix, message)
        encoded = _encoded(_add(_multiple(r), _OF_ORDER_8))
        s = (r + _hash_scalar(encoded, self.public, message) * self._scalar) % L
        return encoded + s.to_bytes(32, "little")


_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
_QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
             (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _chacha20_block(key, counter, nonce):
    start = [*_CONSTANTS, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    state = list(start)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            for into, with_, mixed, left in (
                    (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[into] = (state[into] + state[with_]) & 0xffffffff
                word = state[mixed] ^ state[into]
                state[mixed] = (word << left | word >> (32 - left)) & 0xffffffff
    return struct.pack("<16I", *((a + b) & 0xffffffff for a, b in zip(state, start)))


def _chacha20(key, nonce, text):
    stream = b"".join(_chacha20_block(key, 1 + at // 64, nonce) for at in range(0, len(text), 64))
    return bytes(a ^ b for a, b in zip(text, stream))


def _padded(data):
    return data + bytes(-len(data) % 16)


def _poly1305(key, nonce, text, data):
    one_time = _chacha20_block(key, 0, nonce)
    r = int.from_bytes(one_time[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    message = _padded(data) + _padded(text) + struct.pack("<QQ", len(data), len(text))
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(one_time[16:32], "little")) % 2**128).to_bytes(16, "little")


def seal(key, nonce, text, data=b""):
    """The ciphertext and its tag."""
    sealed = _chacha20(key, nonce, text)
    return sealed + _poly1305(key, nonce, sealed, data)


def unseal(key, nonce, sealed, data=b""):
    """The text, or None."""
    text, tag = sealed[:-16], sealed[-16:]
    if _poly1305(key, nonce, text, data) != tag:
        return None
    return _chacha20(key, nonce, text)


def hkdf(salt, secret, info):
    """32 bytes for this purpose."""
    prk = hmac.digest(salt, secret, "sha256")
    return hmac.digest(prk, info + b"\1", "sha256")
