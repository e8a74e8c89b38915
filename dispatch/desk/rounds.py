"""What is done again and again while the node runs, as a task of its own: each round after the last one has ended."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

import structlog

_log = structlog.get_logger(__name__)


class Rounds(ABC):
    """`start` once, `close` at the end; in between `look` is called, with `interval_seconds` before each time."""

    interval_seconds: ClassVar[float]
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round comes after the interval."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. May be called twice."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])

    @abstractmethod
    async def look(self) -> None:
        """Do one round. What it raises is logged."""

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.interval_seconds)
            try:
                await self.look()
            except Exception:  # so broad, because the next round must come
                _log.exception("round_failed", of=type(self).__name__)
