"""Who looks at a recording is in the timeline: once a person, recording and hour, before anything of it is told."""

from __future__ import annotations

from typing import Final

from dispatch.acts.recordings import Replay
from dispatch.desk.ports import Doing
from dispatch.records import Recording
from signaling.http.noting import Noting
from signaling.http.operation import Caller

APART_S: Final = 3600.0


class Looks:
    """Remembers what was noted in the last hour."""

    def __init__(self, doing: Doing) -> None:
        self._noting = Noting(doing)

    async def note(self, caller: Caller, recording: Recording) -> None:
        """Return when it is in the timeline that the caller looks at a recording. Raises Refused."""

        def act() -> Replay:
            return Replay(recording=recording.id, session=recording.session, title=recording.title)

        await self._noting.once((caller.actor.person, recording.id), caller, act, APART_S)
