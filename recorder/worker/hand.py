"""Whose frame is being begun, in memory that the server has too: who kills the worker is known.

FFmpeg is asked for parameter sets when a file begins, and nowhere else; what happens there may end the process.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

_BYTES: Final = 26
_NOBODY: Final = bytes(_BYTES)


class Hand:
    """The server makes one by `create` and reads it when the worker is gone; the worker maps it and writes."""

    def __init__(self, fd: int) -> None:
        """The descriptor stays the caller's, and is not needed any more. Raises OSError, ValueError."""
        self._memory = mmap.mmap(fd, mmap.PAGESIZE)

    @staticmethod
    def create() -> int:
        """Return a descriptor of such memory, the caller's to close."""
        fd = os.memfd_create("recorder-hand", os.MFD_CLOEXEC)
        os.ftruncate(fd, mmap.PAGESIZE)
        return fd

    def take(self, track: str) -> None:
        self._memory[:_BYTES] = track.encode().ljust(_BYTES)[:_BYTES]

    def put(self) -> None:
        self._memory[:_BYTES] = _NOBODY

    def read(self) -> str:
        """Give the track in hand, or what a worker that was taken over wrote there; "" for none."""
        return self._memory[:_BYTES].rstrip(b"\0").decode("latin-1")

    def close(self) -> None:
        self._memory.close()
