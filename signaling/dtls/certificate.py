"""Our own DTLS certificate and the peer's fingerprint (RFC 8122, RFC 8827 section 6.5).

One EC P-256 certificate serves all peers of a process; peers know it by its fingerprint in the SDP, so it is
self-signed and names nobody.  It lives as long as the process and is never written down.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

#: Hash functions accepted in a=fingerprint; older ones (sha-1, md5) prove nothing any more.
_HASHES: Final = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_VALID_FROM: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_VALID_UNTIL: Final = datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC)


class DtlsError(ValueError):
    """Base of the errors of `signaling.dtls`.

    DtlsError
    - FingerprintError: an a=fingerprint value is malformed, or none given is usable
    """


class FingerprintError(DtlsError):
    """An a=fingerprint value is malformed, or none given has a usable hash function."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's digest as SDP tells it: `algorithm` like "sha-256", `digest` raw bytes."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, algorithm: str, value: str) -> Self:
        """Read the two parts of a=fingerprint; `value` is hex with or without colons, any case.

        Raises FingerprintError when the hash function is not accepted or the value does not fit it.
        """
        name = algorithm.strip().lower()
        if name not in _HASHES:
            raise FingerprintError(f"hash function not accepted: {algorithm[:32]!r}")
        if len(value) > 3 * 64:
            raise FingerprintError("fingerprint length")
        try:
            digest = bytes.fromhex(value.replace(":", ""))
        except ValueError:
            raise FingerprintError("fingerprint is not hexadecimal") from None
        if len(digest) != hashlib.new(_HASHES[name]).digest_size:
            raise FingerprintError("fingerprint length")
        return cls(name, digest)

    def __str__(self) -> str:
        return self.digest.hex(":").upper()


def usable_fingerprints(lines: Iterable[tuple[str, str]]) -> tuple[Fingerprint, ...]:
    """Parse the (algorithm, value) pairs of an SDP, leaving out unknown hash functions.

    Raises FingerprintError when nothing usable is left or a value of a known function is malformed.
    """
    usable = tuple(
        Fingerprint.parse(algorithm, value) for algorithm, value in lines if algorithm.strip().lower() in _HASHES
    )
    if not usable:
        raise FingerprintError("no fingerprint with an accepted hash function")
    return usable


def certificate_matches(der: bytes, fingerprints: Iterable[Fingerprint]) -> bool:
    """Tell whether a certificate (DER) has any one of the fingerprints (RFC 8122 section 5.1)."""
    return any(
        hmac.compare_digest(hashlib.new(_HASHES[wanted.algorithm], der).digest(), wanted.digest)
        for wanted in fingerprints
    )


class Certificate:
    """A self-signed certificate and its private key."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.key = key
        self.certificate = certificate
        der = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = Fingerprint("sha-256", hashlib.sha256(der).digest())

    @classmethod
    def generate(cls) -> Self:
        """Make a fresh key and certificate. Its dates are wide and fixed: peers judge by fingerprint alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_VALID_FROM)
            .not_valid_after(_VALID_UNTIL)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)
