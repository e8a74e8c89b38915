"""What counts and times on the way: acts, appends to the journal, the control loop. Counts; changes nothing.

`MeasuredActs` and `MeasuredKeeper` stand before what they measure and are used in its place.
"""

from __future__ import annotations

import time

from prometheus_client import Counter, Histogram

from dispatch.acts.base import ACTS, Act
from dispatch.desk.ports import Doing, Keeper
from dispatch.desk.rounds import Rounds
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.permissions import Actor


class MeasuredActs:
    """Does acts and counts them by name and result: `done`, or the code of the refusal."""

    def __init__(self, doing: Doing, acts: Counter) -> None:
        self._doing = doing
        self._acts = acts
        self._names: dict[type[Act], str] = {}

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act; return the id of what it made, or "". Raises Refused."""
        result = "lost"  # who asked left before the answer
        try:
            made = await self._doing.act(act, actor, origin)
            result = "done"
            return made
        except Refused as refusal:
            result = refusal.code
            raise
        finally:
            self._acts.labels(self._name(type(act)), result).inc()

    def _name(self, act: type[Act]) -> str:
        if act not in self._names:
            self._names = {spec.act: spec.name for spec in ACTS.values()}
        return self._names[act]


class MeasuredKeeper:
    """Keeps records in the journal and notes how long each append took."""

    def __init__(self, keeper: Keeper, seconds: Histogram) -> None:
        self._keeper = keeper
        self._seconds = seconds

    async def append(self, records: list[bytes]) -> list[int]:
        """Keep the records; return their positions once they are on disk. Raises what the journal raises."""
        begun = time.monotonic()
        positions = await self._keeper.append(records)
        self._seconds.observe(time.monotonic() - begun)
        return positions


class LoopLag(Rounds):
    """Notes by how much the running loop is late."""

    interval_seconds = 0.25

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds

    def start(self) -> None:
        """Begin to look."""
        self._due = time.monotonic() + self.interval_seconds
        super().start()

    async def look(self) -> None:
        """Note by how much this round is late."""
        now = time.monotonic()
        self._seconds.observe(max(0.0, now - self._due))
        self._due = now + self.interval_seconds
