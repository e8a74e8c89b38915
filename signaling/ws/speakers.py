"""Who speaks in each running consultation: levels from the relay, five times a second, told when they change. Shell."""

from __future__ import annotations

import time
from collections.abc import Callable

from dispatch.desk.rounds import Rounds
from dispatch.records import Consultation, Stage
from dispatch.speaker import SPEECH_DBOV, ActiveSpeaker, Level, heard_in
from dispatch.tables import Tables

#: Levels are told in steps of so many dB: a voice moves all the time, and a page shows five steps.
STEP_DB = 6

#: Is told consultation, who speaks ("" for nobody), and the levels of who is heard.
Tell = Callable[[str, str, dict[str, int]], None]


class Speakers(Rounds):
    """What was told last is remembered for each running consultation."""

    interval_seconds = 0.2

    def __init__(self, tables: Tables, level: Level, tell: Tell) -> None:
        self._tables = tables
        self._level = level
        self._tell = tell
        self._speakers: dict[str, ActiveSpeaker] = {}
        self._told: dict[str, tuple[str, dict[str, int]]] = {}

    async def look(self) -> None:
        """Find out who speaks, and tell what has changed."""
        now = time.monotonic()
        running = {item.id: item for item in self._tables.consultations if item.stage is Stage.RUNNING}
        for consultation in running.values():
            self._look_at(consultation, now)
        for identifier in [item for item in self._speakers if item not in running]:
            del self._speakers[identifier]
            if self._told.pop(identifier, None) is not None:
                self._tell(identifier, "", {})

    def _look_at(self, consultation: Consultation, now: float) -> None:
        heard_now = heard_in(self._tables, consultation.id, self._level)
        levels = {name: each.level for name, each in heard_now.items()}
        speaker = self._speakers.setdefault(consultation.id, ActiveSpeaker())
        speaker.update(levels, now)
        heard = {name: round(level / STEP_DB) * STEP_DB for name, level in levels.items() if level > SPEECH_DBOV}
        said = (speaker.current, heard)
        if said != self._told.get(consultation.id, ("", {})):
            self._told[consultation.id] = said
            self._tell(consultation.id, *said)
