"""What the coordinator needs from others, and is for them, as Protocols bound in the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dispatch.acts.base import Act
from dispatch.entry import Entry, Origin
from dispatch.permissions import Actor
from dispatch.tables import Change


class Keeper(Protocol):
    """The journal: keeps records in order and for good."""

    async def append(self, records: list[bytes]) -> list[int]:
        """Keep the records; return their positions once they are on disk. Raises when nothing was kept."""
        ...


class Doing(Protocol):
    """Does acts: the coordinator, or what counts them on the way to it."""

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act; return the id of what it made, or "". Raises Refused."""
        ...


class Listener(Protocol):
    """Is told what has happened, after it was kept. Must not raise or wait."""

    def __call__(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None: ...
