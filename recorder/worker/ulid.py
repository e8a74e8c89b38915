"""Names of segments: ULIDs, in the order of their time."""

from __future__ import annotations

import os
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32


def ulid(now_us: int) -> str:
    """Return a fresh identifier for a time in microseconds UTC."""
    value = (now_us // 1000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
