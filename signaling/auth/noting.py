"""Writes refused sign-ins to the journal, behind the answers: one that waited for the disk would tell a login that is
there from one that is not. A shell around `refusals`; runs on one event loop."""

from __future__ import annotations

import asyncio
import time

import structlog

from dispatch.acts.signin import Refusal
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.permissions import SYSTEM
from signaling.auth import refusals

_log = structlog.get_logger(__name__)

#: How long the disk may take once the node stops.
CLOSE_S = 1.0


class Noting:
    """`close` before the coordinator ends."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._refusals = refusals.Refusals()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, person: str, origin: Origin) -> None:
        """A sign-in as this person was refused; `refusals.NOBODY` for one who is not there."""
        self._refusals.note(person, origin, time.monotonic())
        self._some.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is not written yet, if the disk takes it in time. May be called twice."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        rest = self._refusals.rest()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._write(rest)
        except TimeoutError:
            _log.warning("refused_signins_not_noted", count=sum(item.count for item in rest), reason="no-answer")

    async def _run(self) -> None:
        while True:
            due = self._refusals.get_timer()
            self._some.clear()
            try:
                async with asyncio.timeout_at(None if due is None else self._loop_time(due)):
                    await self._some.wait()
            except TimeoutError:
                pass
            await self._write(self._refusals.handle_timer(time.monotonic()))

    async def _write(self, due: list[refusals.Refused]) -> None:
        for item in due:
            try:
                await self._coordinator.act(Refusal(person=item.person, count=item.count), SYSTEM, item.origin)
            except Refused as refusal:
                _log.warning("refused_signins_not_noted", person=item.person, count=item.count, reason=refusal.code)

    @staticmethod
    def _loop_time(due: float) -> float:
        return asyncio.get_running_loop().time() + due - time.monotonic()
