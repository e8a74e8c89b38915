"""Where the last file of a journal ends, after whatever has happened to its process or its machine. Core: no I/O.

Whatever was answered is whole and before the end. Behind it may lie, and is cut: preallocated zeros, lines that are
not whole, lines of the same write (see `format`), an append without its last line. What cannot have come from a write
that was interrupted is damage, and never cut.
"""

from typing import NamedTuple
from zlib import crc32

from dispatch.journal import format
from dispatch.journal.errors import JournalDamaged
from dispatch.journal.offsets import Offsets


class End(NamedTuple):
    """Of what is to be kept of a file."""

    offset: int
    entries: int
    sum: int
    """CRC-32 of the file as far as `offset`."""
    cut_bytes: int
    """Behind `offset`, preallocated zeros not counted."""


class Recovery:
    """Reads one file from behind its header, in pieces: `receive` them all, then `finish`."""

    def __init__(self, name: str, header_line: bytes) -> None:
        """`name` is for errors; `header_line` with its line feed."""
        self._name = name
        self._rest = b""
        self._rest_at = len(header_line)
        self._bad_at: int | None = None
        self._received = len(header_line)
        self._last_written = 0
        self._end = len(header_line)
        self._sum = crc32(header_line)
        self._entries = 0
        self._open: list[tuple[int, bytes]] = []
        """Lines of an append whose last one has not come, with their offsets."""
        self.offsets = Offsets(len(header_line))

    def receive(self, piece: bytes) -> None:
        """Read the next piece of the file. Raises JournalDamaged."""
        written = len(piece.rstrip(b"\0"))
        if written:
            self._last_written = self._received + written
        self._received += len(piece)
        *lines, rest = (self._rest + piece).split(b"\n")
        at = self._rest_at
        for text in lines:
            if self._bad_at is None:
                self._take(text, at)
            if self._bad_at is not None and format.hides_beginning(text):
                raise JournalDamaged(self._name, self._bad_at, "an entry is not whole, and later ones are")
            at += len(text) + 1
        if len(rest) > format.MAX_LINE_BYTES:
            self._bad_at = at if self._bad_at is None else self._bad_at
            at += len(rest) - format.MAX_LINE_BYTES
            rest = rest[-format.MAX_LINE_BYTES :]
        self._rest, self._rest_at = rest, at

    def finish(self) -> End:
        """Give the file's end, all of it being read."""
        return End(self._end, self._entries, self._sum, max(0, self._last_written - self._end))

    def _take(self, text: bytes, at: int) -> None:
        if not format.is_whole(text) or (self._open and format.begins_write(text)):
            self._bad_at = at
            return
        self._open.append((at, text))
        if not format.ends_append(text):
            return
        for offset, entry in self._open:
            self.offsets.note(self._entries, offset)
            self._sum = crc32(entry + b"\n", self._sum)
            self._entries += 1
        self._end = at + len(text) + 1
        self._open.clear()
