"""What the database needs from the journal, as a Protocol bound in the composition root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class JournalReader(Protocol):
    """The journal's reading side; any thread may read while others append."""

    @property
    def identity(self) -> str:
        """Drawn when the journal was made: tells it from every other."""
        ...

    @property
    def position(self) -> int:
        """How many records are on disk; the position of the next."""
        ...

    def read(self, from_position: int = 0, limit: int | None = None) -> Iterator[list[tuple[int, bytes]]]:
        """Give positions and records from `from_position` on, at most `limit`, in batches. Blocks on the disk."""
        ...
