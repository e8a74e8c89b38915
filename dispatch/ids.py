"""Identifiers: ULIDs, unique across nodes and in the order of their time. Core: time and chance are arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
RANDOM_BYTES = 10

#: Gives a fresh identifier each time.
NewId = Callable[[], str]


def ulid(now_us: int, random: bytes) -> str:
    """Return the ULID of a time (microseconds UTC) and ten random bytes: 26 characters."""
    value = (now_us // 1000 & (1 << 48) - 1) << 80 | int.from_bytes(random[:RANDOM_BYTES])
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    """Tell whether a text is an identifier of ours."""
    return _ULID.match(text) is not None
