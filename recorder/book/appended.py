"""A file that only grows, and ends where its last sync ended if something fails.

Shell. After a failed write or sync nobody knows what is behind that end: it is cut before anything else is written.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from recorder.book.disk import Disk

PIECE_BYTES = 1 << 18


class AppendedFile:
    """One open file; whoever opened it closes it."""

    def __init__(self, disk: Disk, path: Path) -> None:
        """Open it, begin it where it is not there. What is in it is on disk when this returns, and its name too."""
        self._disk = disk
        self._fd = disk.open(path)
        try:
            # A killed process's last writes may still be in the kernel's memory only.
            disk.sync(self._fd)
            disk.sync_folder(path.parent)
            self._sure = self._end = os.fstat(self._fd).st_size
        except BaseException:
            disk.close(self._fd)
            raise
        self._is_doubtful = False

    @property
    def end(self) -> int:
        """How long it is, in bytes."""
        return self._end

    def pieces(self) -> Iterator[bytes]:
        """Give its content."""
        at = 0
        while piece := os.pread(self._fd, PIECE_BYTES, at):
            yield piece
            at += len(piece)

    def cut(self, length: int) -> None:
        """Let it end there, from now on for good."""
        if length != self._end:
            self._disk.cut(self._fd, length)
            self._disk.sync(self._fd)
        self._sure = self._end = length

    def append(self, data: bytes) -> None:
        """Write at the end; `sync` makes sure of it. Where either raises OSError, `undo` is to follow."""
        if self._is_doubtful:
            self._disk.cut(self._fd, self._sure)
            self._is_doubtful = False
        self._disk.write(self._fd, data, self._end)
        self._end += len(data)

    def sync(self) -> None:
        """Return when all of it is on disk."""
        self._disk.sync(self._fd)
        self._sure = self._end

    def undo(self) -> None:
        """Go back to the last sync. What is behind it is cut before the next append, and by the next start."""
        self._end = self._sure
        self._is_doubtful = True

    def close(self) -> None:
        """Let go of it."""
        self._disk.close(self._fd)
