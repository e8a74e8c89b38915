"""What is noted in the timeline once, before anything of it is told, however often and at once it is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from dispatch.acts.base import Act
from dispatch.desk.ports import Doing
from signaling.http.operation import Caller

Key = tuple[str, str]


class Noting:
    """Remembers what was noted; after a start it is noted anew."""

    def __init__(self, doing: Doing) -> None:
        self._doing: Final = doing
        self._noted: dict[Key, float] = {}
        """When, on the monotonic clock; the oldest first."""
        self._noting: dict[Key, asyncio.Task[str]] = {}

    async def once(self, key: Key, caller: Caller, act: Callable[[], Act], apart_s: float) -> None:
        """Return when an act of the caller's is in the timeline, by this or by the last `apart_s`. Raises Refused."""
        self._forget(apart_s)
        if key in self._noted:
            return
        task = self._noting.get(key)
        if task is None:
            task = asyncio.create_task(self._doing.act(act(), caller.actor, caller.origin))
            self._noting[key] = task
            task.add_done_callback(partial(self._done, key))
        # A page asks for many things at once; who of them leaves does not take the note along.
        await asyncio.shield(task)

    def _done(self, key: Key, task: asyncio.Task[str]) -> None:
        del self._noting[key]
        if not task.cancelled() and task.exception() is None:
            self._noted[key] = time.monotonic()

    def _forget(self, apart_s: float) -> None:
        before = time.monotonic() - apart_s
        while self._noted and (first := next(iter(self._noted.items())))[1] <= before:
            del self._noted[first[0]]
