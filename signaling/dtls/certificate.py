"""Our own DTLS certificate and the peer's fingerprint (RFC 8122, RFC 8827 section 6.5).

One EC P-256 certificate serves all peers of a process; peers know it by its fingerprint in the SDP, so it is
self-signed and names nobody.  Touches files only where `load` and `save` say so.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
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
    - CertificateError: a PEM file holds no EC certificate with its key
    """


class FingerprintError(DtlsError):
    """An a=fingerprint value is malformed, or none given has a usable hash function."""


class CertificateError(DtlsError):
    """A PEM file holds no EC certificate with its key."""


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

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.  Raises CertificateError (contents) or OSError (file)."""
        pem = path.read_bytes()
        try:
            key = serialization.load_pem_private_key(pem, password=None)
            certificate = x509.load_pem_x509_certificate(pem)
        except (ValueError, TypeError) as error:
            raise CertificateError(f"{path}: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise CertificateError(f"{path}: not an EC key with its own certificate")
        return cls(key, certificate)

    def save(self, path: Path) -> None:
        """Write key and certificate as PEM, readable by the owner alone.  Raises OSError."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = key + self.certificate.public_bytes(serialization.Encoding.PEM)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
