"""Listens to whatever is recorded, and has the coordinator enter who spoke from when to when (`dispatch.turns`)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from dispatch.acts.recordings import Spoke, Spoken
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.rounds import Rounds
from dispatch.entry import Entry, Origin
from dispatch.errors import Refused
from dispatch.permissions import SYSTEM
from dispatch.records import Recording
from dispatch.speaker import Heard, Level, heard_in
from dispatch.tables import RUNNING, Change
from dispatch.turns import Turn, Turns

_log = structlog.get_logger(__name__)

#: What ends within this is entered by one act.
GATHER_S: Final = 1.0
#: How long the last turns may take once the node stops.
CLOSE_S: Final = 1.0
#: As many as go into one record of the journal.
MOST_TOGETHER: Final = 500
#: Turns that wait for a disk which takes nothing; the newest are kept.
MOST_WAITING: Final = 2_000


class Listening(Rounds):
    """`start` once, `close` before the coordinator's: then what is being said is entered as far as it is said."""

    interval_seconds = 0.2

    def __init__(self, coordinator: Coordinator, level: Level) -> None:
        self._coordinator = coordinator
        self._level = level
        self._turns: dict[str, Turns] = {}
        """By what is recorded, as `Recording.of`."""
        self._ended: list[Spoken] = []
        self._entered_at = 0.0
        self._entering: set[asyncio.Task[None]] = set()
        self._unlisten = coordinator.listen(self._follow)

    async def look(self) -> None:
        """Hear who speaks, and enter what is over."""
        self._hear(_recorded(self._coordinator))
        if self._ended and time.monotonic() - self._entered_at >= GATHER_S:
            await self._enter()

    async def close(self) -> None:
        """End all turns."""
        await super().close()
        self._unlisten()
        self._hear(())
        # A disk that hangs may never answer.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*self._entering, self._enter())

    def _follow(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        """What rests or has ended is told at once: its chain is about to be closed."""
        if any(isinstance(each.new, Recording) and (each.new.ended_us or each.new.paused_us) for each in changes):
            self._hear(_recorded(self._coordinator))
            if self._ended:
                task = asyncio.create_task(self._enter())
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)

    def _hear(self, recorded: Iterable[str]) -> None:
        now_us = time.monotonic_ns() // 1000
        heard = {of: self._heard(of) for of in recorded}
        for of in [of for of in self._turns if of not in heard]:
            self._keep(of, self._turns.pop(of).end(now_us), now_us)
        for of, levels in heard.items():
            self._keep(of, self._turns.setdefault(of, Turns()).take(levels, now_us), now_us)

    def _heard(self, of: str) -> Mapping[str, Heard]:
        kind, _, identifier = of.partition(":")
        if kind == "consultation":
            return heard_in(self._coordinator.tables, identifier, self._level)
        level = self._level(identifier)
        return {"": Heard(level, identifier)} if level is not None else {}

    def _keep(self, of: str, turns: Iterable[Turn], now_us: int) -> None:
        utc_us = time.time_ns() // 1000 - now_us
        for who, source, from_us, to_us in turns:
            self._ended.append(Spoken(of, who, source, from_us + utc_us, to_us + utc_us))
        del self._ended[:-MOST_WAITING]

    async def _enter(self) -> None:
        turns, self._ended = self._ended[:MOST_TOGETHER], self._ended[MOST_TOGETHER:]
        self._entered_at = time.monotonic()
        if not turns:
            return
        try:
            await self._coordinator.act(Spoke(turns=tuple(turns)), SYSTEM, Origin())
        except Refused as refusal:
            _log.info("turns_refused", turns=len(turns), code=refusal.code)
            self._ended = [*turns, *self._ended][-MOST_WAITING:]


def _recorded(coordinator: Coordinator) -> list[str]:
    """Return what is being recorded and does not rest."""
    tables = coordinator.tables
    running = map(tables.recordings.get, tables.recordings_running.ids(RUNNING))
    return [recording.of for recording in running if not recording.paused_us]
