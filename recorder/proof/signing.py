"""Who signs. Core: no I/O; keys come and go as bytes, and who keeps them gives their files the mode 0600.

A signer is a Protocol, so that a key may live in a token or be SM2's. Ours is Ed25519 (RFC 8032). A key is named by

    key = SHA-256("huishang/key/1" + LF + algorithm + LF + public key), in hexadecimal

so a name cannot come to mean another key. The public key of Ed25519 is its 32 bytes (RFC 8032 section 5.1.5), a
signature its 64.
"""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recorder.proof.digests import tagged
from recorder.proof.errors import KeyRefused

ED25519 = "ed25519"


class Signer(Protocol):
    """A private key that never leaves its place."""

    @property
    def algorithm(self) -> str:
        """Name the algorithm as records do."""
        ...

    @property
    def public(self) -> bytes:
        """Give the public key as its algorithm writes it."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign; may take a while where the key is not in memory."""
        ...


class Ed25519Signer:
    """A key in memory."""

    algorithm = ED25519

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Ed25519Signer":
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "Ed25519Signer":
        """Read what `pem` gave. Raises KeyRefused."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyRefused(str(error)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyRefused("not an Ed25519 key")
        return cls(key)

    def pem(self) -> bytes:
        """Give the private key to be kept: PKCS 8 without a password, as the local authority's."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, data: bytes) -> bytes:
        """Sign."""
        return self._key.sign(data)


def key_name(algorithm: str, public: bytes) -> str:
    """Name a public key."""
    return hashlib.sha256(tagged("key", algorithm.encode(), b"\n", public)).hexdigest()


def name_of(signer: Signer) -> str:
    """Name a signer's key."""
    return key_name(signer.algorithm, signer.public)


def is_signed(algorithm: str, public: bytes, data: bytes, signature: bytes) -> bool:
    """Tell whether the key signed these bytes; of an algorithm that is not known, no."""
    if algorithm != ED25519:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
