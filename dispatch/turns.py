"""Turns of speaking: who was heard from when to when, of several who may speak at once. Core.

`speaker` names one who speaks now; this tells afterwards what becomes of the timeline. Levels are dBov as there, times
microseconds of any clock that never runs backwards.

A turn begins with the first level above speech that stays there for `TAKE_US`, goes on through pauses of `HOLD_US`, and
ends with the last level above speech. Shorter ones than `LEAST_US` are none, longer ones than `PART_US` come in parts.
Where `FREELY` were told in a minute, short ones are left out, the longer the more there are: a quarter of a second for
each, so at most `MOST_A_MINUTE` are told in a minute whatever is heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from dispatch.entry import Entry
from dispatch.speaker import HOLD_SECONDS, SPEECH_DBOV, TAKE_SECONDS, Heard

#: The verbs of turns, of participants and of sources that are recorded alone.
SPOKE: Final = ("participant.spoke", "source.spoke")
TAKE_US: Final = round(TAKE_SECONDS * 1e6)
HOLD_US: Final = round(HOLD_SECONDS * 1e6)
LEAST_US: Final = 1_000_000
PART_US: Final = 60_000_000
MINUTE_US: Final = 60_000_000
FREELY: Final = 20
_EACH_US: Final = 250_000
MOST_A_MINUTE: Final = PART_US // _EACH_US + 1


class Turn(NamedTuple):
    """`who` spoke, heard from `source` at first."""

    who: str
    source: str
    from_us: int
    to_us: int


@dataclass(slots=True)
class _Voice:
    source: str
    from_us: int
    heard_us: int
    is_turn: bool = False


class Turns:
    """Those of one session."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._told: deque[int] = deque()
        """When turns were told, of the last minute."""

    def take(self, heard: Mapping[str, Heard], now_us: int) -> list[Turn]:
        """Take what is heard of all who may speak just now; return the turns that are over, or a part of them."""
        ended: list[Turn] = []
        for who in [who for who in self._voices if who not in heard]:
            self._end(who, ended, now_us)
        for who, (level, source) in heard.items():
            if who in self._voices and now_us - self._voices[who].heard_us > HOLD_US:
                self._end(who, ended, now_us)
            if level > SPEECH_DBOV:
                self._speaks(who, source, ended, now_us)
            elif who in self._voices and not self._voices[who].is_turn:
                del self._voices[who]
        return ended

    def end(self, now_us: int) -> list[Turn]:
        """Nobody is listened to any more; return the turns that are over by that."""
        return self.take({}, now_us)

    def _speaks(self, who: str, source: str, ended: list[Turn], now_us: int) -> None:
        voice = self._voices.setdefault(who, _Voice(source, now_us, now_us))
        voice.heard_us = now_us
        voice.is_turn |= now_us - voice.from_us >= TAKE_US
        if now_us - voice.from_us >= PART_US:
            self._tell(who, voice, ended, now_us)
            voice.from_us = now_us

    def _end(self, who: str, ended: list[Turn], now_us: int) -> None:
        voice = self._voices.pop(who)
        if voice.is_turn:
            self._tell(who, voice, ended, now_us)

    def _tell(self, who: str, voice: _Voice, ended: list[Turn], now_us: int) -> None:
        while self._told and self._told[0] <= now_us - MINUTE_US:
            self._told.popleft()
        count = len(self._told)
        least_us = LEAST_US if count < FREELY else count * _EACH_US
        if voice.heard_us - voice.from_us > least_us:
            self._told.append(now_us)
            ended.append(Turn(who, voice.source, voice.from_us, voice.heard_us))


def began_us(entry: Entry) -> int:
    """Return when what an entry tells began: a turn is entered once it is over."""
    return int(entry.params["from_us"]) if entry.verb in SPOKE else entry.at_us


def is_within(entry: Entry, begun_us: int, ended_us: int) -> bool:
    """Tell whether a turn, as an entry, was spoken between two times; `ended_us` 0: it goes on."""
    return int(entry.params["to_us"]) > begun_us and not 0 < ended_us <= int(entry.params["from_us"])
