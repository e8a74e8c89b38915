"""How far a receiver has been told: one small file a webhook, replaced whole. Blocks on the disk.

What was taken is noted after it, so that a crash in between tells it again and never leaves it out.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

_VERSION: Final = 1


class PositionDamagedError(Exception):
    """What was noted cannot be used: damaged, another webhook's, or of another version."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """`position`: of the first record of the journal that the receiver has not taken."""

    v: int
    url: str
    position: int


class PositionFile:
    """The file of one webhook, which its address names."""

    def __init__(self, folder: Path, url: str) -> None:
        self._url = url
        self._path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def read(self) -> int | None:
        """Return what was noted, None when nothing was. Raises PositionDamagedError, OSError."""
        try:
            noted = msgspec.json.decode(self._path.read_bytes(), type=Noted)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PositionDamagedError(f"{self._path}: {error}") from None
        if noted.v != _VERSION or noted.url != self._url or noted.position < 0:
            raise PositionDamagedError(f"{self._path}: it is not of this webhook and version {_VERSION}")
        return noted.position

    def write(self, position: int) -> None:
        """Note a position. Raises OSError with the old one still in place."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_suffix(".new")
        body = msgspec.json.encode(Noted(v=_VERSION, url=self._url, position=position))
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
