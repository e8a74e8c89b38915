"""A token bucket: so much at once, so much a second. Core; times are monotonic seconds."""

from __future__ import annotations


class Bucket:
    """Holds up to `size` units and gains `rate` a second; full at first."""

    def __init__(self, size: float, rate: float, now: float) -> None:
        self._size = size
        self._rate = rate
        self._held = size
        self._at = now

    def take(self, units: float, now: float) -> bool:
        """Take so many units; False, and nothing is taken, when it holds less."""
        self._fill(now)
        if units > self._held:
            return False
        self._held -= units
        return True

    def is_full(self, now: float) -> bool:
        """Tell whether it is as if nothing had ever been taken."""
        self._fill(now)
        return self._held >= self._size

    def _fill(self, now: float) -> None:
        self._held = min(self._size, self._held + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
