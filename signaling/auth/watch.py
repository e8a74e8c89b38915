"""Tells of lost access as it happens: a shell around `revocation`, fed by the coordinator and the wall clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Entry
from dispatch.tables import Change
from signaling.auth.revocation import Lost, Revocation

_log = structlog.get_logger(__name__)

#: The wall clock may be set meanwhile: it is looked at so often however far the next end is.
LOOK_S = 0.5


class Watch:
    """`start` once the tables are loaded, `close` at the end. Used from the coordinator's loop."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._listeners: list[Callable[[Lost], None]] = []
        self._ends: list[Callable[[], object]] = []

    def listen(self, listener: Callable[[Lost], None]) -> Callable[[], None]:
        """Call `listener`, which must not wait, for everybody who loses access, until what is returned is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def start(self) -> None:
        """Begin to watch."""
        revocation = Revocation(self._coordinator.tables)

        def heard(entries: Sequence[Entry], changes: Sequence[Change]) -> None:
            self._tell(revocation.changed(changes))

        timer = asyncio.create_task(self._run(revocation))
        self._ends = [self._coordinator.listen(heard), timer.cancel]

    def close(self) -> None:
        """Stop watching. May be called twice."""
        ends, self._ends = self._ends, []
        for end in ends:
            end()

    async def _run(self, revocation: Revocation) -> None:
        while True:
            due_us = revocation.get_timer()
            left_s = LOOK_S if due_us is None else (due_us - time.time_ns() // 1000) / 1e6
            await asyncio.sleep(min(max(left_s, 0.0), LOOK_S))
            self._tell(revocation.handle_timer(time.time_ns() // 1000))

    def _tell(self, lost: Sequence[Lost]) -> None:
        for one in lost:
            for listener in tuple(self._listeners):
                try:
                    listener(one)
                except Exception:  # so broad, because the others must hear of it
                    _log.exception("lost_access_not_handled", kind=one.kind, id=one.id)
