"""How long a step up must wait: what keeps a noisy estimate from becoming a flickering picture.

A step needs an estimate that has carried it for a while. One that was taken back waits from then on, twice as long each
time within a minute: every switch of layers costs a keyframe, which on a full link is what takes the step back again.
Core.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from media.allocation.ladder import Place

#: How long an estimate must have carried a step that was never taken back; two or three reports of most estimators.
HOLD_US: Final = 1_500_000
#: No step waits longer after it was taken back.
LONGEST_WAIT_US: Final = 30_000_000
#: For how long it is remembered that a step was taken back.
MEMORY_US: Final = 60_000_000
#: Distinct rising estimates kept; with more the oldest go, which makes steps wait longer, never shorter.
_MAX_ESTIMATES: Final = 256


class EstimateHistory:
    """Since when the estimate has been at least so much. Times are those of the calls."""

    def __init__(self) -> None:
        # Only what nothing later undercuts: times and values both rise. (since, bits): from then on never below bits.
        self._lows: deque[tuple[int, int]] = deque(maxlen=_MAX_ESTIMATES)

    def note(self, now_us: int, bits: int) -> None:
        """Take in the newest estimate; `now_us` never goes back."""
        since = now_us
        while self._lows and self._lows[-1][1] >= bits:
            since = self._lows.pop()[0]
        self._lows.append((since, bits))

    def forget(self) -> None:
        """Begin anew: the link is another one."""
        self._lows.clear()

    def since(self, bits: int) -> int | None:
        """Return the time from which on the estimate has never been below `bits`; None if it is now."""
        index = bisect_left(self._lows, bits, key=lambda low: low[1])
        return self._lows[index][0] if index < len(self._lows) else None


@dataclass(slots=True)
class _Setback:
    times: int
    at_us: int


class Setbacks:
    """Which steps the link has taken back, how often and when."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, Place], _Setback] = {}

    def __len__(self) -> int:
        return len(self._of)

    def note(self, picture: str, place: Place, now_us: int) -> None:
        """Remember that a step was taken back now."""
        setback = self._of.setdefault((picture, place), _Setback(0, now_us))
        setback.times += 1
        setback.at_us = now_us

    def wait_of(self, picture: str, place: Place) -> tuple[int, int] | None:
        """Return since when a step waits and for how long, in us; None if it was not taken back within a minute."""
        setback = self._of.get((picture, place))
        if setback is None:
            return None
        # The exponent is bounded before the power is taken: a link may take a step back for days.
        return setback.at_us, min(HOLD_US << min(setback.times, 8), LONGEST_WAIT_US)

    def prune(self, now_us: int, pictures: Set[str]) -> None:
        """Forget what is older than a minute and what belongs to pictures that nobody asks for."""
        stale = [
            key for key, setback in self._of.items() if key[0] not in pictures or now_us - setback.at_us >= MEMORY_US
        ]
        for key in stale:
            del self._of[key]
