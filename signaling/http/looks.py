"""Who looks at a recording is in the timeline: once a person, recording and hour, before anything of it is told."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from dispatch.acts.recordings import Replay
from dispatch.desk.ports import Doing
from dispatch.records import Recording
from signaling.http.operation import Caller

APART_S: Final = 3600.0

_Key = tuple[str, str]


class Looks:
    """Remembers what was noted in the last hour. After a start looks are noted anew."""

    def __init__(self, doing: Doing) -> None:
        self._doing = doing
        self._noted: dict[_Key, float] = {}
        """When, on the monotonic clock; the oldest first."""
        self._noting: dict[_Key, asyncio.Task[str]] = {}

    async def note(self, caller: Caller, recording: Recording) -> None:
        """Return when it is in the timeline that the caller looks at a recording. Raises Refused."""
        key = (caller.actor.person, recording.id)
        self._forget()
        if key in self._noted:
            return
        task = self._noting.get(key)
        if task is None:
            act = Replay(recording=recording.id, session=recording.session, title=recording.title)
            task = asyncio.create_task(self._doing.act(act, caller.actor, caller.origin))
            self._noting[key] = task
            task.add_done_callback(partial(self._done, key))
        # A page asks for many things at once; who of them leaves does not take the note along.
        await asyncio.shield(task)

    def _done(self, key: _Key, task: asyncio.Task[str]) -> None:
        del self._noting[key]
        if not task.cancelled() and task.exception() is None:
            self._noted[key] = time.monotonic()

    def _forget(self) -> None:
        before = time.monotonic() - APART_S
        while self._noted and (first := next(iter(self._noted.items())))[1] <= before:
            del self._noted[first[0]]
