"""What is left of a DTLS association once its SRTP keys are out: alerts (RFC 5246 section 7.2, RFC 6347).

An idle OpenSSL connection holds about 76 KiB only to send and see close_notify.  This keeps the keys of the
record layer instead (AES-GCM suites of DTLS 1.2, RFC 5288) and reads and writes those records itself.
Core: no I/O, no clock.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

_ALERT: Final = 21
_VERSION: Final = 0xFEFD
_EPOCH: Final = 1
_HEADER: Final = struct.Struct("!BHQH")  # type, version, epoch and sequence, length
_AAD: Final = struct.Struct("!QBHH")  # epoch and sequence, type, version, plaintext length
_FIXED_IV_BYTES: Final = 4
_EXPLICIT_NONCE_BYTES: Final = 8
_TAG_BYTES: Final = 16
_CLOSE_NOTIFY: Final = b"\x01\x00"  # warning, close_notify
_FATAL: Final = 2
#: OpenSSL has sent Finished and its retransmissions before us; we go on from far beyond.
_FIRST_SEQUENCE: Final = 1 << 20
#: Records of one datagram that are tried, so that a forged one costs little.
_MAX_TRIED: Final = 2
#: Cipher suites we can continue: AES key bytes and hash of the pseudo-random function.
_SUITES: Final = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": (16, "sha256"),
    "ECDHE-RSA-AES128-GCM-SHA256": (16, "sha256"),
    "ECDHE-ECDSA-AES256-GCM-SHA384": (32, "sha384"),
    "ECDHE-RSA-AES256-GCM-SHA384": (32, "sha384"),
}


def _prf(digest: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5."""
    output, a = b"", seed
    while len(output) < size:
        a = hmac.digest(secret, a, digest)
        output += hmac.digest(secret, a + seed, digest)
    return output[:size]


class AlertChannel:
    """The record layer of an established association, for alerts alone; about 400 bytes."""

    __slots__ = ("_read_iv", "_read_key", "_sequence", "_write_iv", "_write_key")

    def __init__(self, read_key: bytes, read_iv: bytes, write_key: bytes, write_iv: bytes) -> None:
        self._read_key = read_key
        self._read_iv = read_iv
        self._write_key = write_key
        self._write_iv = write_iv
        self._sequence = _FIRST_SEQUENCE

    @classmethod
    def take_over(cls, connection: SSL.Connection, *, is_client: bool) -> Self | None:
        """Derive the keys of a completed handshake; None when its cipher suite is not AES-GCM.

        From then on `connection` must not be used any more.
        """
        suite = _SUITES.get(connection.get_cipher_name() or "")
        master = connection.master_key()
        server_random, client_random = connection.server_random(), connection.client_random()
        if suite is None or not master or not server_random or not client_random:
            return None
        size, digest = suite
        block = _prf(digest, master, b"key expansion" + server_random + client_random, 2 * (size + _FIXED_IV_BYTES))
        client_key, server_key = block[:size], block[size : 2 * size]
        client_iv, server_iv = block[2 * size : -_FIXED_IV_BYTES], block[-_FIXED_IV_BYTES:]
        if is_client:
            return cls(server_key, server_iv, client_key, client_iv)
        return cls(client_key, client_iv, server_key, server_iv)

    def seal_close_notify(self) -> bytes:
        """Return a close_notify record as a datagram."""
        number = _EPOCH << 48 | self._sequence
        self._sequence += 1
        # OpenSSL counted its nonces up from a random start; another random one does not meet them.
        nonce = os.urandom(_EXPLICIT_NONCE_BYTES)
        aad = _AAD.pack(number, _ALERT, _VERSION, len(_CLOSE_NOTIFY))
        sealed = nonce + AESGCM(self._write_key).encrypt(self._write_iv + nonce, _CLOSE_NOTIFY, aad)
        return _HEADER.pack(_ALERT, _VERSION, number, len(sealed)) + sealed

    def closes(self, datagram: bytes) -> bool:
        """Tell whether the datagram holds an authentic close_notify or fatal alert.  Never raises."""
        offset = tried = 0
        while offset + _HEADER.size <= len(datagram) and tried < _MAX_TRIED:
            kind, version, number, length = _HEADER.unpack_from(datagram, offset)
            body = datagram[offset + _HEADER.size : offset + _HEADER.size + length]
            offset += _HEADER.size + length
            if (
                kind == _ALERT
                and version == _VERSION
                and number >> 48 == _EPOCH
                and len(body) == length == _EXPLICIT_NONCE_BYTES + len(_CLOSE_NOTIFY) + _TAG_BYTES
            ):
                tried += 1
                if self._ends(number, body):
                    return True
        return False

    def _ends(self, number: int, body: bytes) -> bool:
        nonce, sealed = body[:_EXPLICIT_NONCE_BYTES], body[_EXPLICIT_NONCE_BYTES:]
        aad = _AAD.pack(number, _ALERT, _VERSION, len(_CLOSE_NOTIFY))
        try:
            alert = AESGCM(self._read_key).decrypt(self._read_iv + nonce, sealed, aad)
        except InvalidTag:
            return False
        return alert[0] == _FATAL or alert == _CLOSE_NOTIFY
