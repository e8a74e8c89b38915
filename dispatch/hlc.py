"""The hybrid logical clock: an order of entries across nodes that never runs backwards, near to UTC.

Kulkarni and others, Logical Physical Clocks (2014). Core: the clock's reading is an argument.
"""

from __future__ import annotations

#: (microseconds UTC, counter of those that share it). Compared as tuples.
Stamp = tuple[int, int]

#: Another node's stamp further ahead of ours than this is not followed: its clock is wrong, ours must not become so.
MAX_AHEAD_US = 60_000_000


class HybridClock:
    """Gives each event a stamp after all that were given or received before."""

    def __init__(self, last: Stamp = (0, 0)) -> None:
        self._last = last

    @property
    def last(self) -> Stamp:
        """The newest stamp."""
        return self._last

    def tick(self, now_us: int) -> Stamp:
        """Return the stamp of an event of ours; the counter grows while the clock stands still or was set back."""
        self._last = (now_us, 0) if now_us > self._last[0] else (self._last[0], self._last[1] + 1)
        return self._last

    def receive(self, stamp: Stamp, now_us: int) -> None:
        """Come after another node's stamp, unless it is more than `MAX_AHEAD_US` ahead of our clock."""
        if stamp[0] - now_us <= MAX_AHEAD_US:
            self._last = max(self._last, stamp)

    def resume(self, stamp: Stamp) -> None:
        """Come after a stamp of our own journal, however far ahead: it was given."""
        self._last = max(self._last, stamp)
