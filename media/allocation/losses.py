"""What a link loses, evened out over some seconds.

A single packet lost in a second of sixty is no two percent, and what is planned with the loss of one second is taken
back in the next. Core; time is an argument.
"""

from __future__ import annotations

from typing import Final

#: Losses are looked at over some seconds.
SMOOTH_US: Final = 4_000_000


class Losses:
    """The losses of one link."""

    def __init__(self) -> None:
        self._share = 0.0
        self._noted_us = 0

    def note(self, now_us: int, share: float) -> float:
        """Take the share that was lost lately; return what may be planned with."""
        passed_us = min(max(now_us - self._noted_us, 0), SMOOTH_US)
        self._noted_us = now_us
        self._share += (share - self._share) * passed_us / SMOOTH_US
        return self._share
