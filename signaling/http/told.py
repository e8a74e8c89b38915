"""Segments that were told a moment ago: their files are asked for next, and need no question to the database. Core.

A seek in nine tracks asks for dozens of files at once, and each question is a dozen turns between threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dispatch.store.segments import SegmentRow

#: Some 6 MB.
MOST: Final = 4_096
#: So long a segment counts as it was told. One that is deleted meanwhile has no file any more.
LASTS_S: Final = 60.0


class Told:
    """Remembers the newest; `now_s` is monotonic time."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[float, SegmentRow]] = {}
        """The one that was told longest ago first."""

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, rows: Iterable[SegmentRow], now_s: float) -> None:
        """Remember what was told; of what is deleted nothing is."""
        for row in rows:
            key = (row.session, row.segment)
            self._rows.pop(key, None)
            if not row.deleted_us:
                self._rows[key] = (now_s, row)
        while len(self._rows) > MOST:
            del self._rows[next(iter(self._rows))]

    def find(self, session: str, segment: str, now_s: float) -> SegmentRow | None:
        """Return a segment that was told lately."""
        told_s, row = self._rows.get((session, segment), (0.0, None))
        return row if now_s - told_s <= LASTS_S else None
