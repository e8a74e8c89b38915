"""Who speaks: the loudest for long enough, and not the next cough. Core; levels and `now` are arguments.

Levels are dBov as RFC 6464 carries them: 0 the loudest, -127 silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from dispatch.records import Attendance
from dispatch.tables import Tables

#: Quieter than this is not speech.
SPEECH_DBOV = -50.0
#: A speaker stays one through a pause for breath.
HOLD_SECONDS = 1.5
#: Another takes over when it has been the loudest for so long,
TAKE_SECONDS = 0.4
#: and so much louder, or the present one is silent.
LOUDER_DB = 3.0

#: Gives the level of a source's sound in dBov, None while it sends none.
Level = Callable[[str], float | None]


class Heard(NamedTuple):
    """How loud somebody is, and the source that is so loud."""

    level: float
    source: str


def heard_in(tables: Tables, consultation: str, level: Level) -> dict[str, Heard]:
    """Return the level of everybody who may be heard in a consultation, by the loudest of their sources."""
    heard: dict[str, Heard] = {}
    for identifier in tables.participants_of.ids(consultation):
        participant = tables.participants.get(identifier)
        if participant.attendance is not Attendance.PRESENT or participant.sound_off:
            continue
        found = [Heard(loud, source) for source in participant.sources if (loud := level(source)) is not None]
        if found:
            heard[identifier] = max(found)
    return heard


class ActiveSpeaker:
    """Names one speaker at a time."""

    def __init__(self) -> None:
        self.current = ""
        self._heard_at = 0.0
        self._rival = ""
        self._rival_since = 0.0

    def update(self, levels: Mapping[str, float], now: float) -> bool:
        """Take the levels of all who may speak; return whether the speaker changed. `now`: monotonic seconds."""
        before = self.current
        if self.current and levels.get(self.current, -127.0) > SPEECH_DBOV:
            self._heard_at = now
        if self.current and (self.current not in levels or now - self._heard_at > HOLD_SECONDS):
            self.current = ""
        loudest = max(levels, key=lambda name: (levels[name], name == self.current), default="")
        if not loudest or levels[loudest] <= SPEECH_DBOV:
            self._rival = ""
        elif not self.current:
            self._become(loudest, now)
        elif loudest != self.current:
            self._challenge(loudest, levels, now)
        else:
            self._rival = ""
        return self.current != before

    def _challenge(self, loudest: str, levels: Mapping[str, float], now: float) -> None:
        level = levels[self.current]
        if level > SPEECH_DBOV and levels[loudest] < level + LOUDER_DB:
            self._rival = ""
            return
        if self._rival != loudest:
            self._rival, self._rival_since = loudest, now
        if now - self._rival_since >= TAKE_SECONDS:
            self._become(loudest, now)

    def _become(self, name: str, now: float) -> None:
        self.current, self._heard_at, self._rival = name, now, ""
