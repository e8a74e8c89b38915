"""Has the coordinator do, once a second, what the node owes (`dispatch.care`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from dispatch.care import due, forgettable
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.permissions import SYSTEM

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 1.0
#: After a start everybody's pages are still on their way back: nobody is called absent before.
RETURN_SECONDS = 30.0


class Caretaker:
    """`start` once, `close` at the end. `is_here(person)`: whether a page of theirs is, or just now was, connected."""

    def __init__(self, coordinator: Coordinator, is_here: Callable[[str], bool]) -> None:
        self._coordinator = coordinator
        self._is_here = is_here
        self._task: asyncio.Task[None] | None = None
        self._began = time.monotonic()

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. May be called twice."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await self.look()
            except Exception:  # so broad, because what is due must be looked for again next time
                _log.exception("care_failed")

    async def look(self) -> None:
        """Do what is due just now."""
        now_us = time.time_ns() // 1000
        settled = time.monotonic() - self._began >= RETURN_SECONDS
        tables = self._coordinator.tables
        for act in list(due(tables, self._is_here if settled else _everybody, now_us)):
            try:
                await self._coordinator.act(act, SYSTEM, Origin())
            except Refused as refusal:
                # A full disk is told by the coordinator already; what changed meanwhile is not due any more.
                _log.info("care_refused", act=type(act).__name__, code=refusal.code)
        self._coordinator.forget(list(forgettable(tables, now_us)))


def _everybody(person: str) -> bool:
    return True
