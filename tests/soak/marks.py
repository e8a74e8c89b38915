"""What soak's publishers write into every packet's end, so that a viewer knows whose it is and which."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

_MAGIC: Final = b"soak"
_LAYOUT: Final = struct.Struct("!4sBIII")
PICTURE: Final = 0
SOUND: Final = 1


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Frame `count` of the publisher `generation` of a source; later ones compare greater."""

    kind: int
    source: int
    generation: int
    count: int

    @classmethod
    def read(cls, payload: bytes) -> Self | None:
        """Return the mark at the end of an RTP payload, None where there is none."""
        if len(payload) < _LAYOUT.size:
            return None
        magic, *fields = _LAYOUT.unpack_from(payload, len(payload) - _LAYOUT.size)
        return cls(*fields) if magic == _MAGIC else None

    def __bytes__(self) -> bytes:
        return _LAYOUT.pack(_MAGIC, self.kind, self.source, self.generation, self.count)
