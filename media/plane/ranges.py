"""SSRCs that must not be used again, as ranges: numbers given out one after another take one range, however many.

Pure; touches nothing.
"""

from __future__ import annotations

from bisect import bisect_right


class SsrcRanges:
    """A set of SSRCs that only grows, until it is cleared; its size is that of its gaps."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, ssrc: int) -> bool:
        place = bisect_right(self._starts, ssrc) - 1
        return place >= 0 and ssrc < self._ends[place]

    @property
    def range_count(self) -> int:
        return len(self._starts)

    def add(self, ssrc: int) -> None:
        """Take one more; without effect when it is in."""
        if ssrc in self:
            return
        place = bisect_right(self._starts, ssrc)
        joins_left = place > 0 and self._ends[place - 1] == ssrc
        joins_right = place < len(self._starts) and self._starts[place] == ssrc + 1
        if joins_left and joins_right:
            self._ends[place - 1] = self._ends.pop(place)
            del self._starts[place]
        elif joins_left:
            self._ends[place - 1] = ssrc + 1
        elif joins_right:
            self._starts[place] = ssrc
        else:
            self._starts.insert(place, ssrc)
            self._ends.insert(place, ssrc + 1)

    def clear(self) -> None:
        """Forget all."""
        self._starts.clear()
        self._ends.clear()
