"""The digests that records hold: SHA-256 always, SM3 (GB/T 32905) beside it where a chain was begun so. Core: no I/O.

Every input begins with the name of what it is, so that no bytes mean two things:

    sum(tag, parts...) = H("huishang/" + tag + "/1" + LF + parts one after another)

Files are the exception: theirs is the plain digest, so that `sha256sum` and `openssl dgst -sm3` give the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import Hash

Hex64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""32 bytes in lower case."""
Algorithm = Literal["sha256", "sm3"]
SHA256_ONLY: tuple[Algorithm, ...] = ("sha256",)
WITH_SM3: tuple[Algorithm, ...] = ("sha256", "sm3")


def names_of(algorithms: Sequence[Algorithm]) -> str:
    """Name algorithms for people."""
    return ", ".join({"sha256": "SHA-256", "sm3": "SM3"}[each] for each in algorithms)


class Digests(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The digests of one input, in hexadecimal. `sm3` is there in every record of a chain or in none."""

    sha256: Hex64
    sm3: Hex64 | UnsetType = UNSET

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """Say by which algorithms, so that another input can be compared."""
        return SHA256_ONLY if self.sm3 is UNSET else WITH_SM3


class Running:
    """Takes an input in pieces, as files are read."""

    def __init__(self, algorithms: Sequence[Algorithm] = SHA256_ONLY) -> None:
        self._sha256 = hashlib.sha256()
        self._sm3 = _sm3() if "sm3" in algorithms else None

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        self._sha256.update(piece)
        if self._sm3 is not None:
            self._sm3.update(piece)

    def finish(self) -> Digests:
        """Give the digests; nothing can be taken afterwards."""
        sm3 = UNSET if self._sm3 is None else self._sm3.finalize().hex()
        return Digests(sha256=self._sha256.hexdigest(), sm3=sm3)


def tagged(tag: str, *parts: bytes) -> bytes:
    """Give the bytes that are hashed or signed as being a `tag`."""
    return b"".join((b"huishang/", tag.encode(), b"/1\n", *parts))


def sum_of(tag: str, *parts: bytes, algorithms: Sequence[Algorithm] = SHA256_ONLY) -> Digests:
    """Give the digests of these parts as a `tag`."""
    data = tagged(tag, *parts)
    sha256 = hashlib.sha256(data).hexdigest()
    if "sm3" not in algorithms:
        return Digests(sha256=sha256)
    sm3 = _sm3()
    sm3.update(data)
    return Digests(sha256=sha256, sm3=sm3.finalize().hex())


def _sm3() -> Hash:
    # Late: Python's own OpenSSL need not have SM3, and who only wants SHA-256 is spared eight megabytes.
    from cryptography.hazmat.primitives import hashes

    return hashes.Hash(hashes.SM3())
