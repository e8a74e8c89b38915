"""Has the coordinator do, once a second, what the node owes (`dispatch.care`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Set

import structlog

from dispatch.acts.base import Act
from dispatch.acts.consultation import Absent
from dispatch.care import due, forgettable
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.rounds import Rounds
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.permissions import SYSTEM
from dispatch.policing import Policing

_log = structlog.get_logger(__name__)

#: After a start everybody's pages are still on their way back: nobody is called absent before.
RETURN_SECONDS = 30.0
#: Acts that go to the disk as one: a county that lost its line is seen to be gone in one write, not in one each.
TOGETHER = 100


class Caretaker(Rounds):
    """`is_here(person)`: whether a page of theirs is, or just now was, connected; `live()`: the sources that send."""

    interval_seconds = 1.0

    def __init__(
        self,
        coordinator: Coordinator,
        is_here: Callable[[str], bool],
        live: Callable[[], Set[str]] = frozenset,
        unmet: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`unmet` hears how much policies want recorded that there is no room for, whenever that changes."""
        self._coordinator = coordinator
        self._is_here = is_here
        self._live = live
        self._unmet = unmet
        self._policing = Policing(coordinator.tables)
        self._began = time.monotonic()

    async def look(self) -> None:
        """Do what is due just now."""
        now_us = time.time_ns() // 1000
        settled = time.monotonic() - self._began >= RETURN_SECONDS
        tables = self._coordinator.tables
        acts = list(due(tables, self._is_here if settled else _everybody, now_us))
        acts += self._police(now_us)
        for first in range(0, len(acts), TOGETHER):
            # Who came back while the disk worked for the others is not absent any more.
            still = (act for act in acts[first : first + TOGETHER] if not self._is_back(act))
            await asyncio.gather(*map(self._do, still))
        self._coordinator.forget(list(forgettable(tables, now_us)))

    def _police(self, now_us: int) -> list[Act]:
        before = self._policing.unmet
        acts = self._policing.due(self._live(), now_us)
        if self._policing.unmet != before:
            self._unmet(self._policing.unmet)
        return acts

    def _is_back(self, act: Act) -> bool:
        return isinstance(act, Absent) and self._is_here(act.person)

    async def _do(self, act: Act) -> None:
        try:
            await self._coordinator.act(act, SYSTEM, Origin())
        except Refused as refusal:
            # A full disk is told by the coordinator already; what changed meanwhile is not due any more.
            _log.info("care_refused", act=type(act).__name__, code=refusal.code)


def _everybody(person: str) -> bool:
    return True
