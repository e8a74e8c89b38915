"""What the coordinator needs from others, as Protocols bound in the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dispatch.entry import Entry
from dispatch.tables import Change


class Keeper(Protocol):
    """The journal: keeps records in order and for good."""

    async def append(self, records: list[bytes]) -> list[int]:
        """Keep the records; return their positions once they are on disk. Raises when nothing was kept."""
        ...


class Listener(Protocol):
    """Is told what has happened, after it was kept. Must not raise or wait."""

    def __call__(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None: ...
