"""The rings that are read, and which record is whose. Shell.

Rings are looked at fifty times a second rather than when something comes: they hold ten seconds, and each wake-up would
cost the plane a system call.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Final

from media.tap import TapKind, TapReader, TapRecord, TapRingError
from recorder.tracks import TrackRecorder

#: Records of one ring in one go.
PORTION: Final = 1000
#: Records of routes that nobody has named yet: a tap begins a moment before it is told whose it is, with what the plane
#: knows of times.
MOST_STRAYS: Final = 1000


class Ring:
    """One ring; takes over its descriptors, `close` gives them back."""

    def __init__(self, memory_fd: int, event_fd: int) -> None:
        """Raises TapRingError; the descriptors are closed then."""
        self._fds = (memory_fd, event_fd)
        self.tracks: dict[int, TrackRecorder] = {}
        """By route."""
        self.records = 0
        self.strays = 0
        """Records that belong to no track."""
        self._strays: deque[TapRecord] = deque(maxlen=MOST_STRAYS)
        self.lost = 0
        """Records that the ring had no room for, and that nobody was told of yet."""
        self._read_ns = 0
        try:
            self._reader = TapReader.from_fds(memory_fd, event_fd)
        except TapRingError:
            self._give_back()
            raise

    @property
    def backlog(self) -> int:
        """Bytes."""
        return self._reader.backlog_bytes()

    def time_ns(self, now_ns: int) -> int:
        """Give the time that the ring's tracks have come to: they are behind while there is more to read."""
        return min(now_ns, self._read_ns) if self.backlog else now_ns

    def read(self) -> TapRecord | None:
        """Take the next record. Raises TapRingError when there will be no more."""
        record = self._reader.read()
        if record is None:
            return None
        self.records += 1
        self._read_ns = record.monotonic_ns or self._read_ns
        if record.kind is TapKind.GAP:
            self.lost += record.lost_records
        return record

    def stray(self, record: TapRecord) -> None:
        """Keep a record for a moment: its route may be named yet."""
        self.strays += 1
        self._strays.append(record)

    def take_strays(self, route: int) -> list[TapRecord]:
        """Give what came of a route before it was named."""
        found = [record for record in self._strays if record.route == route]
        if found:
            self._strays = deque((each for each in self._strays if each.route != route), MOST_STRAYS)
            self.strays -= len(found)
        return found

    def close(self) -> None:
        self._reader.close()
        self._give_back()

    def _give_back(self) -> None:
        for fd in self._fds:
            os.close(fd)
