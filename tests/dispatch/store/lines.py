"""A journal that the tests can write: one file of lines, the first of which names it. One writer, any reader."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dispatch.entry import Entry, encode

BATCH = 500


class LinesJournal:
    """The file, open; a torn last line is cut off."""

    def __init__(self, path: Path, identity: str = "journal-a") -> None:
        if not path.exists():
            path.write_bytes(identity.encode() + b"\n")
        self.path = path
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        os.truncate(path, len(whole))
        first, *lines = whole.splitlines(keepends=True)
        self.identity = first.decode().strip()
        self._offsets = [len(first)]
        self._note(lines)

    @property
    def position(self) -> int:
        return len(self._offsets) - 1

    async def append(self, records: list[bytes]) -> list[int]:
        return list(self.write(records))

    def write(self, records: Sequence[bytes], *, safely: bool = True) -> range:
        """Append; return the positions."""
        with self.path.open("ab") as file:
            file.writelines(record + b"\n" for record in records)
            file.flush()
            if safely:
                os.fsync(file.fileno())
        before = self.position
        self._note([record + b"\n" for record in records])
        return range(before, self.position)

    def add(self, *acts: Sequence[Entry]) -> None:
        """Append acts, each one's entries as one record."""
        self.write([encode(entries) for entries in acts], safely=False)

    def read(self, from_position: int = 0, limit: int | None = None) -> Iterator[list[tuple[int, bytes]]]:
        end = self.position if limit is None else min(self.position, from_position + limit)
        with self.path.open("rb") as file:
            file.seek(self._offsets[from_position])
            for first in range(from_position, end, BATCH):
                yield [(position, file.readline()[:-1]) for position in range(first, min(end, first + BATCH))]

    def _note(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line))
